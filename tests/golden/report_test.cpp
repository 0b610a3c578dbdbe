// The judge is judged: every way in which an answer can be wrong makes the report fail.

#include <limits>

#include <doctest/doctest.h>

#include <golden/fixture.hpp>
#include <limn/io/tensors.hpp>
#include <support/temporary_folder.hpp>

namespace limn {
namespace {

/// A fixture that expects x = [1, 100] within [0.01, 0.1] (noise 0) and the ids n = [3] exactly.
class SmallFixture {
 public:
  explicit SmallFixture(const std::string& compare = R"({"x": [0.01, 0.1, 0.0], "n": "exact"})") {
    test::put_file(folder_ / "meta.json", R"({"kind": "small", "compare": )" + compare + "}");
    io::save_tensors(folder_ / "expected.safetensors",
                     {{"x", from<float>({1, 100}, {2})}, {"n", from<std::int64_t>({3}, {1})}});
  }
  /// True when the report is content with these answers.
  [[nodiscard]] bool accepts(const std::vector<double>& x, const std::vector<std::int64_t>& n = {3}) const {
    golden::Report report(folder_.path());
    report.tensor("x", x, {static_cast<index_t>(x.size())});
    report.tensor("n", n, {static_cast<index_t>(n.size())});
    return report.finish();
  }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
};

TEST_CASE("Report: an answer within atol + rtol * |expected| passes and one beyond it fails") {
  const SmallFixture fixture;
  CHECK(fixture.accepts({1, 100}));
  CHECK(fixture.accepts({1.1, 109.9}));
  CHECK(!fixture.accepts({1.12, 100}));
  CHECK(!fixture.accepts({1, 110.1}));
}

TEST_CASE("Report: ten times the measured noise is allowed where that is more") {
  const SmallFixture fixture(R"({"x": [0.0, 0.0, 0.05], "n": "exact"})");
  CHECK(fixture.accepts({1.49, 99.51}));
  CHECK(!fixture.accepts({1.51, 100}));
}

TEST_CASE("Report: NaN and infinity fail where a finite value is expected") {
  const SmallFixture fixture;
  CHECK(!fixture.accepts({std::numeric_limits<double>::quiet_NaN(), 100}));
  CHECK(!fixture.accepts({1, std::numeric_limits<double>::infinity()}));
}

TEST_CASE("Report: another shape and another integer fail") {
  const SmallFixture fixture;
  CHECK(!fixture.accepts({1}));
  CHECK(!fixture.accepts({1, 100}, {4}));
  golden::Report report(fixture.path());
  report.tensor("x", std::vector<float>{1, 100}, {1, 2});
  report.tensor("n", std::vector<std::int64_t>{3}, {1});
  CHECK(!report.finish());
}

TEST_CASE("Report: an expected tensor that was not compared is a failure, and so is one that is not expected") {
  const SmallFixture fixture;
  golden::Report missing(fixture.path());
  missing.tensor("x", std::vector<float>{1, 100}, {2});
  CHECK(!missing.finish());
  golden::Report more(fixture.path());
  more.tensor("x", std::vector<float>{1, 100}, {2});
  more.tensor("n", std::vector<std::int64_t>{3}, {1});
  more.tensor("y", std::vector<float>{1}, {1});
  CHECK(!more.finish());
}

TEST_CASE("Report: an exception in a case and a tensor without tolerance are failures") {
  const SmallFixture fixture;
  golden::Report report(fixture.path());
  report.tensor("x", std::vector<float>{1, 100}, {2});
  report.tensor("n", std::vector<std::int64_t>{3}, {1});
  report.guard("case", [] { fail("op", "unknown"); });
  CHECK(!report.finish());
  CHECK(!SmallFixture(R"({"x": [0.01, 0.1, 0.0]})").accepts({1, 100}));
  CHECK(!SmallFixture(R"({"x": [0.01, 0.1, 0.0], "n": "exact", "z": "exact"})").accepts({1, 100}));
  CHECK_THROWS_AS(golden::Report(SmallFixture(R"({"x": "about"})").path()), Error);
}

TEST_CASE("Options: an option that nobody asked for is an error") {
  golden::Options options(io::parse_json(R"({"stride": [1, 2], "padding": 1, "bias": null})", "o"), "case");
  CHECK(options.list("stride", 2, 1) == std::vector<index_t>{1, 2});
  CHECK_THROWS_AS(options.done(), Error);
  CHECK(options.list("padding", 2, 0) == std::vector<index_t>{1, 1});
  CHECK(!options.has("bias"));
  options.done();
  CHECK(options.get("dilation", 3) == 3);
  CHECK_THROWS_AS((void)options.list("stride", 3, 1), Error);
}

}  // namespace
}  // namespace limn

#pragma once
// Report: compares what limn computed with what a fixture folder expects, prints each comparison, and counts failures.

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <limn/core/create.hpp>
#include <limn/io/safetensors.hpp>

namespace limn::golden {

/// |got - expected| <= max(atol + rtol * |expected|, 10 * noise); `exact` means equal values.
struct Tolerance {
  double atol = 0, rtol = 0, noise = 0;
  bool exact = false;

  [[nodiscard]] double allowed(double expected) const {
    return exact ? 0 : std::max(atol + rtol * std::fabs(expected), 10 * noise);
  }
};

class Report {
 public:
  /// Reads meta.json and, where it exists, expected.safetensors of a fixture folder.
  explicit Report(const std::filesystem::path& folder)
      : folder_(folder), meta_(io::parse_json_file(folder / "meta.json")) {
    if (std::filesystem::exists(folder / "expected.safetensors"))
      expected_.emplace_back(folder / "expected.safetensors");
    const auto compare = meta_.find("compare");
    if (compare == meta_.end()) return;
    const std::string where = (folder / "meta.json").string();
    for (const auto& entry : compare->items()) tolerances_[entry.key()] = parse_tolerance(entry.value(), where);
  }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const io::Json& meta() const { return meta_; }
  [[nodiscard]] std::string kind() const {
    return io::json_value<std::string>(meta_, "kind", (folder_ / "meta.json").string());
  }

  /// True when expected.safetensors holds this tensor: whether a gradient or an intermediate value is asked for.
  [[nodiscard]] bool expects(const std::string& name) const {
    return !expected_.empty() && expected_[0].contains(name);
  }
  [[nodiscard]] std::vector<std::string> expected_names() const {
    return expected_.empty() ? std::vector<std::string>{} : expected_[0].names();
  }
  [[nodiscard]] const io::SafetensorsFile& expected() const {
    if (expected_.empty()) fail(folder_.string(), "has no expected.safetensors");
    return expected_[0];
  }

  /// Compares `data` of `shape` (row-major) with the expected tensor `name`, under its tolerance in meta.json. A name
  /// that is not expected is a failure. A tensor may be compared more than once (one answer for several cases).
  template <class T>
  void tensor(const std::string& name, const T* data, const std::vector<index_t>& shape) {
    if (!expects(name)) return wrong(name, "is not among the expected tensors");
    const auto found = tolerances_.find(name);
    if (found == tolerances_.end()) return wrong(name, "has no tolerance in meta.json");
    tensor(name, data, shape, found->second);
  }
  template <class T>
  void tensor(const std::string& name, const std::vector<T>& values, const std::vector<index_t>& shape) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> is not an array; use std::uint8_t");
    index_t count = 1;
    for (const index_t extent : shape) count *= extent;
    if (count != static_cast<index_t>(values.size()))
      return wrong(name, "has " + std::to_string(values.size()) + " values for the shape " + io::shape_text(shape));
    tensor(name, values.data(), shape);
  }
  template <class T>
  void tensor(const std::string& name, const Tensor<T>& x) {
    if (!x.defined()) return wrong(name, "is undefined");
    const Tensor<T> packed = limn::detail::packed(x);
    tensor(name, packed.data(), x.shape().to_vector());
  }
  /// Rank 0.
  template <class T>
  void scalar(const std::string& name, T value) {
    tensor(name, &value, {});
  }
  /// The same with a tolerance of its own.
  template <class T>
  void tensor(const std::string& name, const T* data, const std::vector<index_t>& shape, const Tolerance& tolerance) {
    compared_.insert(name);
    const io::TensorInfo& info = expected().info(name);
    if (info.shape != shape)
      return wrong(name, "has shape " + io::shape_text(shape) + " but " + io::shape_text(info.shape) + " is expected");
    const std::vector<double> wanted = expected().read_as<double>(name);
    std::vector<double> got(wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) got[i] = as_double(data[i]);
    compare(name, got, wanted, tolerance);
  }

  /// Compares one number that is not in expected.safetensors (from expected.json, say).
  void value(const std::string& name, double got, double wanted, const Tolerance& tolerance) {
    compare(name, {got}, {wanted}, tolerance);
  }
  /// Records a comparison of anything else: text, ids, "is rejected".
  void fact(const std::string& name, bool holds, const std::string& otherwise = "is not as expected") {
    if (!holds) return wrong(name, otherwise);
    ++passed_;
    std::printf("  ok    %-40s equal\n", name.c_str());
  }
  /// Records a failure: an unknown op or option, an exception.
  void wrong(const std::string& name, const std::string& why) {
    ++failed_;
    std::printf("  FAIL  %-40s %s\n", name.c_str(), why.c_str());
  }
  /// Runs body(); an exception is a failure of `name`, and the rest of the fixture still runs.
  template <class Body>
  void guard(const std::string& name, Body&& body) {
    try {
      body();
    } catch (const std::exception& error) {
      wrong(name, error.what());
    }
  }

  /// Counts as failures the expected tensors that were never compared, prints the summary line; true when all is well.
  bool finish() {
    for (const std::string& name : expected_names())
      if (!compared_.count(name)) wrong(name, "was expected but not compared");
    for (const auto& entry : tolerances_)
      if (!compared_.count(entry.first) && !expects(entry.first))
        wrong(entry.first, "is named in meta.json but absent");
    if (passed_ + failed_ == 0) wrong("fixture", "nothing was compared");
    std::printf("%s %s (%s): %d passed, %d failed\n", failed_ ? "FAIL" : "ok", folder_.string().c_str(), kind().c_str(),
                passed_, failed_);
    return failed_ == 0;
  }

  /// "exact" or [atol, rtol, noise].
  [[nodiscard]] static Tolerance parse_tolerance(const io::Json& value, const std::string& where) {
    if (value.is_string() && value.get<std::string>() == "exact") return {0, 0, 0, true};
    if (value.is_array() && value.size() == 3 && value[0].is_number() && value[1].is_number() && value[2].is_number())
      return {value[0].get<double>(), value[1].get<double>(), value[2].get<double>(), false};
    fail(where, "an entry of \"compare\" is neither \"exact\" nor [atol, rtol, noise]: ", io::dump_json(value));
  }

 private:
  template <class T>
  static double as_double(T value) {
    if constexpr (is_half<T>)
      return static_cast<double>(static_cast<float>(value));
    else
      return static_cast<double>(value);
  }

  void compare(const std::string& name, const std::vector<double>& got, const std::vector<double>& wanted,
               const Tolerance& tolerance) {
    double worst_absolute = 0, worst_relative = 0;
    std::size_t bad = 0, first_bad = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const double g = got[i], w = wanted[i];
      bool right = g == w || (std::isnan(g) && std::isnan(w));
      if (!right) {
        const double difference = std::fabs(g - w);  // NaN or infinite when just one of them is finite
        right = std::isfinite(w) && difference <= tolerance.allowed(w);
        worst_absolute = difference > worst_absolute || std::isnan(difference) ? difference : worst_absolute;
        const double relative = w == 0 ? 0 : difference / std::fabs(w);
        worst_relative = relative > worst_relative || std::isnan(relative) ? relative : worst_relative;
      }
      if (!right && bad++ == 0) first_bad = i;
    }
    bad == 0 ? ++passed_ : ++failed_;
    std::printf("  %s  %-40s max abs %.3g  max rel %.3g", bad ? "FAIL" : "ok  ", name.c_str(), worst_absolute,
                worst_relative);
    if (tolerance.exact)
      std::printf("  allowed: equal");
    else
      std::printf("  allowed: %.3g + %.3g*|x| or %.3g", tolerance.atol, tolerance.rtol, 10 * tolerance.noise);
    if (bad)
      std::printf("  (%zu of %zu wrong, first at %zu: got %.9g, want %.9g)", bad, got.size(), first_bad, got[first_bad],
                  wanted[first_bad]);
    std::printf("\n");
  }

  std::filesystem::path folder_;
  io::Json meta_;
  std::vector<io::SafetensorsFile> expected_;  // none or one
  std::map<std::string, Tolerance> tolerances_;
  std::set<std::string> compared_;
  int passed_ = 0, failed_ = 0;
};

}  // namespace limn::golden

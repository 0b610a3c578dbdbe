// Agreement with ten people, and answers made comparable.
#include <doctest/doctest.h>

#include <limn/metrics/vqa_accuracy.hpp>

using namespace limn;
using namespace limn::metrics;

TEST_CASE("vqa accuracy: answers are compared without case, articles, punctuation and spelled numbers") {
  CHECK(normalised_answer("The Red Bus.") == "red bus");
  CHECK(normalised_answer("two") == "2");
  CHECK(normalised_answer("  none ") == "0");
  CHECK(normalised_answer("1,000") == "1000");
  CHECK(normalised_answer("3.5") == "3.5");
  CHECK(normalised_answer("black-white") == "black white");
  CHECK(normalised_answer("black - white") == "black white");
  CHECK(normalised_answer("dont know") == "don't know");
  CHECK(normalised_answer("A\tcat\n") == "cat");
  CHECK(normalised_answer("?") == "");
}

TEST_CASE("vqa accuracy: three of the others make an answer fully right, the mean is over who is left out") {
  const auto people = [](int same) {
    std::vector<std::string> all(10, "no");
    for (int i = 0; i < same; ++i) all[static_cast<std::size_t>(i)] = "yes";
    return all;
  };
  CHECK(vqa_accuracy("Yes", people(0)) == 0);
  CHECK(vqa_accuracy("yes", people(1)) == doctest::Approx(0.3));
  CHECK(vqa_accuracy("yes", people(2)) == doctest::Approx(0.6));
  CHECK(vqa_accuracy("yes", people(3)) == doctest::Approx(0.9));
  CHECK(vqa_accuracy("yes", people(4)) == 1);
  CHECK(vqa_accuracy("yes", people(10)) == 1);
}

TEST_CASE("vqa accuracy: one person's answer is right or wrong; nobody's is an error") {
  CHECK(vqa_accuracy("three", {"3"}) == 1);
  CHECK(vqa_accuracy("three", {"4"}) == 0);
  CHECK_THROWS_WITH_AS((void)vqa_accuracy("three", {}), "vqa_accuracy: nobody was asked", Error);
}

// METEOR (exact + stem), and the time that all metrics take on a corpus of Flickr8k's size.

#include <ctime>

#include <doctest/doctest.h>

#include <limn/core/random.hpp>
#include <limn/metrics/bleu.hpp>
#include <limn/metrics/cider.hpp>
#include <limn/metrics/meteor.hpp>
#include <limn/metrics/rouge.hpp>
#include <limn/text/normalise.hpp>

using namespace limn;
using namespace limn::metrics;

namespace {

double score(const char* hypothesis, const char* reference) {
  return meteor({text::split_words(hypothesis)}, {{text::split_words(reference)}});
}

}  // namespace

TEST_CASE("meteor: equal sentences lose only the penalty of their one chunk") {
  CHECK(score("the cat sat on the mat", "the cat sat on the mat") == doctest::Approx(1 - 0.5 / 216));
}

TEST_CASE("meteor: precision, recall and chunks combine as published") {
  // 5 matches in 2 chunks (the cat | on the mat); P 5/5, R 5/6.
  const double p = 1, r = 5.0 / 6, f = 10 * p * r / (r + 9 * p);
  CHECK(score("the cat on the mat", "the cat sat on the mat") == doctest::Approx(f * (1 - 0.5 * std::pow(2.0 / 5, 3))));
  CHECK(score("a dog", "two birds") == 0);
  CHECK(score("", "two birds") == 0);
}

TEST_CASE("meteor: words of one stem match after equal words did") {
  CHECK(score("dogs running", "dog runs") == doctest::Approx(1 - 0.5 / 8));
  // "runs" takes the equal "runs"; "running" the "run" that is left: two chunks.
  CHECK(score("running runs", "runs run") == doctest::Approx(1 - 0.5));
}

TEST_CASE("meteor: of alignments with as many matches the one with the fewest chunks counts") {
  // Each "the" has two partners; only the crossing-free choice gives two chunks for four matches.
  const double f = 10 * (4.0 / 4) * (4.0 / 5) / (4.0 / 5 + 9 * (4.0 / 4));
  CHECK(score("the dog the cat", "the dog and the cat") == doctest::Approx(f * (1 - 0.5 / 8)));
  // One "the" too many in the hypothesis: the one beside "mat" is matched.
  const double p = 2.0 / 3, r = 1;
  CHECK(score("the the mat", "the mat") == doctest::Approx(10 * p * r / (r + 9 * p) * (1 - 0.5 / 8)));
}

TEST_CASE("meteor: the best reference counts, and the corpus is the mean") {
  const text::Tokens a{"a", "dog"}, b{"two", "birds"};
  CHECK(meteor({a, b}, {{b, a}, {a}}) == doctest::Approx((1 - 0.5 / 8) / 2));
  CHECK_THROWS_WITH_AS(static_cast<void>(meteor({a}, {})), "meteor: 1 hypotheses but references for 0", Error);
}

TEST_CASE("metrics: a thousand images with five references take less than two seconds in all") {
  Generator generator(7);
  const auto sentence = [&] {
    text::Tokens words;
    for (index_t n = 8 + generator.below(8); n > 0; --n)
      words.push_back(std::to_string(generator.below(1 + generator.below(800))));
    return words;
  };
  std::vector<Tokens> hypotheses;
  std::vector<std::vector<Tokens>> references;
  for (int i = 0; i < 1000; ++i) {
    hypotheses.push_back(sentence());
    references.emplace_back();
    for (int r = 0; r < 5; ++r) references.back().push_back(sentence());
  }
  const std::clock_t begin = std::clock();  // of this process: other work on the machine does not count
  const double sum = corpus_bleu(hypotheses, references)[3] + rouge_l(hypotheses, references) +
                     cider_d(hypotheses, references) + meteor(hypotheses, references);
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  CHECK(sum > 0);
  MESSAGE("all metrics: " << seconds << " s");
#ifdef NDEBUG
  CHECK(seconds < 2);
#endif
}

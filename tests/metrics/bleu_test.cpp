// BLEU, GLEU, ROUGE-L and CIDEr-D on sentences small enough to count by hand. The long comparison is the golden kind
// metrics.

#include <doctest/doctest.h>

#include <limn/metrics/bleu.hpp>
#include <limn/metrics/cider.hpp>
#include <limn/metrics/rouge.hpp>
#include <limn/text/normalise.hpp>

using namespace limn;
using namespace limn::metrics;

namespace {

Tokens words(const char* text) { return text::split_words(text); }

BleuStatistics statistics(const char* hypothesis, const std::vector<const char*>& references, int n = 4) {
  std::vector<Tokens> sentences;
  for (const char* reference : references) sentences.push_back(words(reference));
  return sum(bleu_statistics({words(hypothesis)}, {sentences}, n));
}

}  // namespace

TEST_CASE("bleu: counts are clipped at the most that one reference holds") {
  const BleuStatistics s =
      statistics("the the the the the the the", {"the cat is on the mat", "there is a cat on the mat"});
  CHECK(s.matches[0] == 2);  // Papineni et al. 2002, example 2
  CHECK(s.totals[0] == 7);
  CHECK(s.matches[1] == 0);
}

TEST_CASE("bleu: of two references equally close in length the shorter counts") {
  CHECK(statistics("a b c d", {"a b c d e", "a b c"}).reference_length == 3);
  CHECK(statistics("a b c d", {"a b", "a b c d e"}).reference_length == 5);
}

TEST_CASE("bleu: a hypothesis equal to a reference scores 1, one without a common word 0") {
  CHECK(corpus_bleu({words("a b c d e")}, {{words("a b c d e"), words("x")}})[3] == doctest::Approx(1).epsilon(1e-8));
  CHECK(nltk_bleu(statistics("a b c d e", {"a b c d e"}), {.25, .25, .25, .25}) == 1);
  CHECK(nltk_bleu(statistics("x y z w", {"a b c d e"}), {.25, .25, .25, .25}) == 0);
  CHECK(corpus_bleu({words("x y z w")}, {{words("a b c d e")}})[3] < 1e-9);
}

TEST_CASE("bleu: an empty hypothesis scores 0 and breaks nothing") {
  CHECK(corpus_bleu({{}}, {{words("a b")}})[0] == 0);
  CHECK(nltk_bleu(statistics("", {"a b"}), {1}) == 0);
  CHECK(rouge_l({{}}, {{words("a b")}}) == 0);
  CHECK(cider_d({{}, words("c")}, {{words("a b")}, {words("c")}}) >= 0);
  CHECK(corpus_gleu({{}}, {{words("a b")}}) == 0);
}

TEST_CASE("bleu: the brevity penalty is exp(1 - r/c) below the reference's length and 1 from it on") {
  CHECK(brevity_penalty(5, 5) == 1);
  CHECK(brevity_penalty(6, 5) == 1);
  CHECK(brevity_penalty(4, 8) == doctest::Approx(std::exp(-1.0)));
  CHECK(brevity_penalty(0, 8) == 0);
}

TEST_CASE("bleu: counts are summed over the corpus before dividing") {
  const std::vector<double> bleu = corpus_bleu({words("a"), words("x x x")}, {{words("a")}, {words("y y y")}});
  CHECK(bleu[0] == doctest::Approx(0.25));  // 1 of 4 words, not the mean of 1 and 0
}

TEST_CASE("rouge_l: best precision and best recall are taken over the references separately") {
  // Against "a b": p 2/4, r 1. Against "a b c d e f g h": p 1, r 1/2.
  const double p = 1, r = 1, beta2 = 1.44;
  CHECK(rouge_l({words("a b c d")}, {{words("a b"), words("a b c d e f g h")}}) ==
        doctest::Approx((1 + beta2) * p * r / (r + beta2 * p)));
  CHECK(rouge_l_sentences({words("a x b y")}, {{words("a b")}})[0] == doctest::Approx(2.44 * 0.5 / (1 + 1.44 * 0.5)));
}

TEST_CASE("cider_d: a hypothesis equal to all its references scores 10, n-grams of every image weigh nothing") {
  const std::vector<Tokens> hypotheses = {words("a red dog runs fast"), words("two men play a game")};
  const std::vector<double> scores = cider_d_sentences(hypotheses, {{hypotheses[0], hypotheses[0]}, {hypotheses[1]}});
  CHECK(scores[0] == doctest::Approx(10));
  CHECK(scores[1] == doctest::Approx(10));
  CHECK(cider_d({words("a"), words("a")}, {{words("a")}, {words("a")}}) == 0);
}

TEST_CASE("metrics: a corpus without references is refused in one line") {
  CHECK_THROWS_WITH_AS(static_cast<void>(corpus_bleu({words("a")}, {})), "bleu: 1 hypotheses but references for 0",
                       Error);
  CHECK_THROWS_WITH_AS(static_cast<void>(rouge_l({words("a")}, {{}})), "rouge_l: hypothesis 0 has no references",
                       Error);
  CHECK_THROWS_WITH_AS(static_cast<void>(cider_d({}, {})), "cider_d: there is nothing to score: no hypotheses", Error);
  CHECK_THROWS_AS(static_cast<void>(nltk_bleu(statistics("a", {"a"}, 2), {.25, .25, .25, .25})), Error);
}

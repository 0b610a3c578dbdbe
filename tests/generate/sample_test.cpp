#include <doctest/doctest.h>

#include <map>

#include <limn/generate/sample.hpp>

using namespace limn;

namespace {

/// A decoder of five words whose distribution depends on the last word alone; it knows which sentence each row is.
struct ChainState {
  std::vector<index_t> sentence;
  [[nodiscard]] ChainState select(const std::vector<index_t>& rows) const {
    ChainState chosen;
    for (const index_t row : rows) chosen.sentence.push_back(sentence[static_cast<std::size_t>(row)]);
    return chosen;
  }
};
constexpr index_t words = 5;

Tensor<float> logits_after(std::int64_t last) {
  Generator generator(static_cast<std::uint64_t>(last) + 40);
  return uniform<float>({words}, generator, -1, 1);
}

Tensor<float> chain(ChainState& state, const Tensor<std::int64_t>& ids) {
  CHECK(static_cast<index_t>(state.sentence.size()) == ids.numel());
  std::vector<float> all;
  for (const std::int64_t id : to_vector(ids))
    for (const float v : to_vector(logits_after(id))) all.push_back(v);
  return from<float>(all, {ids.numel(), words});
}

ChainState begin(index_t rows) {
  ChainState state;
  for (index_t i = 0; i < rows; ++i) state.sentence.push_back(i);
  return state;
}

}  // namespace

TEST_CASE("sample: sentences occur as often as their probability says") {
  Generator generator(5);
  const index_t rows = 40000;
  std::map<std::vector<std::int64_t>, index_t> seen;
  const auto sentences = generate::sample(begin(rows), chain, rows, {.max_length = 2}, generator);
  for (const auto& sentence : sentences) ++seen[sentence.words];
  const auto p = [](std::int64_t last, std::int64_t word) {
    return static_cast<double>(softmax(logits_after(last)).data()[word]);
  };
  for (std::int64_t a = 0; a < words; ++a) {
    if (a == 2) continue;  // the end
    CHECK(static_cast<double>(seen[{a}]) / rows == doctest::Approx(p(1, a) * p(a, 2)).epsilon(0.08));
  }
  CHECK(static_cast<double>(seen[{}]) / rows == doctest::Approx(p(1, 2)).epsilon(0.08));
}

TEST_CASE("sample: the log-probability is that of the words and the end, and of a cut sentence that of its words") {
  Generator generator(6);
  for (const auto& sentence : generate::sample(begin(200), chain, 200, {.max_length = 3}, generator)) {
    double expected = 0;
    std::int64_t last = 1;
    for (const std::int64_t word : sentence.words) {
      expected += static_cast<double>(log_softmax(logits_after(last)).data()[word]);
      last = word;
    }
    if (sentence.ended) expected += static_cast<double>(log_softmax(logits_after(last)).data()[2]);
    CHECK(sentence.log_probability == doctest::Approx(expected).epsilon(1e-6));
    CHECK((sentence.ended || sentence.words.size() == 3));
    CHECK(sentence.words.size() <= 3);
  }
}

TEST_CASE("sample: a low temperature says the likeliest word, and the same seed the same sentences") {
  Generator generator(7), again(8), once_more(8);
  const auto cold = generate::sample(begin(50), chain, 50, {.max_length = 4, .temperature = 0.01}, generator);
  std::size_t equal = 0;
  for (const auto& sentence : cold) equal += sentence.words == cold[0].words;
  CHECK(equal >= 48);
  const auto a = generate::sample(begin(20), chain, 20, {}, again),
             b = generate::sample(begin(20), chain, 20, {}, once_more);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i].words == b[i].words);
}

TEST_CASE("sample: no rows give no sentences; a length of nothing is refused") {
  Generator generator(9);
  CHECK(generate::sample(begin(0), chain, 0, {}, generator).empty());
  CHECK_THROWS_WITH_AS((void)generate::sample(begin(1), chain, 1, {.max_length = 0}, generator),
                       "sample: 1 rows, max_length 0 and temperature 1; rows must not be negative, the others positive",
                       Error);
}

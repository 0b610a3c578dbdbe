#include <doctest/doctest.h>

#include <limn/core/random.hpp>
#include <limn/generate/beam.hpp>
#include <limn/ops/gather.hpp>

using namespace limn;

namespace {

/// A decoder without memory but its last words: logits are a fixed table by (step, last word).
struct TableState {
  Tensor<float> attention{};
  index_t step = 0;
  std::vector<std::int64_t> rows{0};
  [[nodiscard]] TableState select(const std::vector<index_t>& chosen) const {
    TableState s = *this;
    s.rows.assign(chosen.size(), 0);
    return s;
  }
};

constexpr index_t words = 6;

Tensor<float> logits_of(index_t step, std::int64_t last) {
  Generator generator(static_cast<std::uint64_t>(step * 100 + last));
  return uniform<float>({words}, generator, -2, 2);
}
const auto table = [](TableState& state, const Tensor<std::int64_t>& ids) {
  std::vector<float> all;
  for (const std::int64_t id : to_vector(ids))
    for (const float v : to_vector(logits_of(state.step, id))) all.push_back(v);
  ++state.step;
  return from<float>(all, {ids.numel(), words});
};

/// Every caption of at most `longest` words with its score, by trying all.
void enumerate(std::vector<std::int64_t>& prefix, double log_p, index_t longest, double exponent,
               std::vector<generate::Hypothesis>& found) {
  const auto step = static_cast<index_t>(prefix.size());
  const Tensor<float> p = log_softmax(logits_of(step, prefix.empty() ? 1 : prefix.back()));
  if (step > 0) {
    const double total = log_p + static_cast<double>(p.data()[2]);
    found.push_back({prefix, total, total / std::pow(static_cast<double>(step + 1), exponent)});
  }
  if (step == longest) return;
  for (std::int64_t w = 0; w < words; ++w) {
    if (w == 1 || w == 2 || w == 0) continue;  // start, end, forbidden
    prefix.push_back(w);
    enumerate(prefix, log_p + static_cast<double>(p.data()[w]), longest, exponent, found);
    prefix.pop_back();
  }
}

}  // namespace

TEST_CASE("a beam wide enough finds the best caption of all, with its log-probability") {
  for (const double exponent : {0.0, 0.7, 1.0}) {
    std::vector<generate::Hypothesis> all;
    std::vector<std::int64_t> prefix;
    enumerate(prefix, 0, 4, exponent, all);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    const auto found = generate::beam_search(
        TableState{}, table, {.beam = 100, .nbest = 5, .max_length = 4, .length_exponent = exponent, .forbidden = {0}});
    REQUIRE(found.size() == 5);
    for (std::size_t k = 0; k < 5; ++k) {
      CHECK(found[k].words == all[k].words);
      CHECK(found[k].log_probability == doctest::Approx(all[k].log_probability));
      CHECK(found[k].score == doctest::Approx(all[k].score));
    }
  }
}

TEST_CASE("a beam that repeats no run of words finds the best captions without one") {
  for (const index_t size : {1, 2, 3}) {
    std::vector<generate::Hypothesis> all, without;
    std::vector<std::int64_t> prefix;
    enumerate(prefix, 0, 5, 0.7, all);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    for (const generate::Hypothesis& h : all) {
      bool twice = false;
      for (auto i = h.words.begin(); h.words.end() - i >= size; ++i)
        for (auto j = i + 1; h.words.end() - j >= size; ++j) twice = twice || std::equal(i, i + size, j);
      if (!twice) without.push_back(h);
    }
    const auto found = generate::beam_search(
        TableState{}, table,
        {.beam = 400, .nbest = 5, .max_length = 5, .forbidden = {0}, .no_repeat_ngram_size = size});
    REQUIRE(found.size() == 5);
    REQUIRE(without.size() < all.size());
    for (std::size_t k = 0; k < 5; ++k) CHECK(found[k].words == without[k].words);
  }
}

TEST_CASE("a beam with a shortest length finds the best captions that are long enough") {
  std::vector<generate::Hypothesis> all, enough;
  std::vector<std::int64_t> prefix;
  enumerate(prefix, 0, 4, 0.7, all);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  for (const index_t least : {0, 2, 3, 4}) {
    enough.clear();
    for (const generate::Hypothesis& h : all)
      if (h.words.size() >= static_cast<std::size_t>(least)) enough.push_back(h);
    const auto found = generate::beam_search(
        TableState{}, table, {.beam = 100, .nbest = 5, .min_length = least, .max_length = 4, .forbidden = {0}});
    REQUIRE(found.size() == 5);
    if (least == 0) {  // nothing at all may be said, too
      const auto silence = static_cast<double>(log_softmax(logits_of(0, 1)).data()[2]);
      enough.push_back({{}, silence, silence});
      std::sort(enough.begin(), enough.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    }
    for (std::size_t k = 0; k < 5; ++k) {
      CHECK(found[k].words == enough[k].words);
      CHECK(found[k].score == doctest::Approx(enough[k].score));
    }
  }
  CHECK(enough.size() < all.size());
}

TEST_CASE("a beam of one takes the most probable word each time") {
  const auto found = generate::beam_search(TableState{}, table, {.beam = 1, .max_length = 4, .forbidden = {0}});
  REQUIRE(found.size() == 1);
  std::int64_t last = 1;
  for (std::size_t t = 0; t < found[0].words.size(); ++t) {
    const auto p = to_vector(logits_of(static_cast<index_t>(t), last));
    std::int64_t best = 3;
    for (std::int64_t w = 3; w < words; ++w)
      if (p[static_cast<std::size_t>(w)] > p[static_cast<std::size_t>(best)]) best = w;
    CHECK(found[0].words[t] == best);
    last = best;
  }
}

TEST_CASE("a beam refuses sizes that make no sense") {
  CHECK_THROWS_WITH_AS((void)generate::beam_search(TableState{}, table, {.no_repeat_ngram_size = -1}),
                       "beam_search: no_repeat_ngram_size = -1 is negative", Error);
  for (const auto& [least, most] : {std::pair{-1, 20}, std::pair{5, 4}})
    CHECK_THROWS_WITH_AS(
        (void)generate::beam_search(TableState{}, table, {.min_length = least, .max_length = most}),
        ("beam_search: min_length = " + std::to_string(least) + " is not in 0..max_length = " + std::to_string(most))
            .c_str(),
        Error);
  CHECK_THROWS_WITH_AS((void)generate::beam_search(TableState{}, table, {.beam = 2, .nbest = 3}),
                       "beam_search: beam 2 and nbest 3 must be positive, nbest at most beam", Error);
}

// Recalls and ranks against a naive count by sorting.
#include <algorithm>
#include <numeric>

#include <doctest/doctest.h>

#include <limn/core/random.hpp>
#include <limn/metrics/retrieval.hpp>

using namespace limn;
using namespace limn::metrics;

namespace {

/// The place of the first right item when all are sorted by falling similarity.
index_t sorted_rank(const std::vector<double>& s, const std::vector<bool>& right) {
  std::vector<std::size_t> order(s.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return s[a] > s[b]; });
  for (std::size_t place = 0; place < order.size(); ++place)
    if (right[order[place]]) return static_cast<index_t>(place) + 1;
  return 0;
}

}  // namespace

TEST_CASE("retrieval: ranks, recalls and medians are those of a sorted list") {
  Generator generator(1);
  for (const index_t images : {1, 2, 7, 40}) {
    std::vector<index_t> owner;
    for (index_t i = 0; i < images; ++i)
      for (index_t c = 0; c < 1 + (i % 5); ++c) owner.push_back(i);
    const auto texts = static_cast<index_t>(owner.size());
    const Tensor<double> s = normal<double>({images, texts}, generator);
    const CrossRetrieval found = cross_retrieval(s.data(), images, owner);
    std::vector<index_t> to_text, to_image;
    for (index_t i = 0; i < images; ++i) {
      std::vector<double> row;
      std::vector<bool> right;
      for (index_t t = 0; t < texts; ++t) {
        row.push_back(s.at({i, t}));
        right.push_back(owner[static_cast<std::size_t>(t)] == i);
      }
      to_text.push_back(sorted_rank(row, right));
    }
    for (index_t t = 0; t < texts; ++t) {
      std::vector<double> column;
      std::vector<bool> right;
      for (index_t i = 0; i < images; ++i) {
        column.push_back(s.at({i, t}));
        right.push_back(owner[static_cast<std::size_t>(t)] == i);
      }
      to_image.push_back(sorted_rank(column, right));
    }
    for (const auto& direction : {std::pair{found.image_to_text, to_text}, {found.text_to_image, to_image}}) {
      const auto& scores = direction.first;
      const auto& ranks = direction.second;
      CHECK(scores.queries == static_cast<index_t>(ranks.size()));
      const auto share = [&](index_t k) {
        double n = 0;
        for (const index_t rank : ranks) n += rank <= k;
        return n / static_cast<double>(ranks.size());
      };
      CHECK(scores.r1 == share(1));
      CHECK(scores.r5 == share(5));
      CHECK(scores.r10 == share(10));
      CHECK(scores.median_rank == median_rank(ranks));
    }
  }
}

TEST_CASE("retrieval: ties count against the model, so that a constant similarity finds nothing") {
  const std::vector<float> same(12, 0.5f);
  const CrossRetrieval found = cross_retrieval(same.data(), 3, {0, 0, 1, 2});
  CHECK(found.text_to_image.r1 == 0);
  CHECK(found.text_to_image.median_rank == 3);
  CHECK(found.image_to_text.r1 == 0);
}

TEST_CASE("retrieval: the median of an even number of ranks lies between the middle two; no right item is an error") {
  CHECK(median_rank({4, 1, 3, 2}) == 2.5);
  CHECK(median_rank({9, 1, 5}) == 5);
  const float one = 1;
  CHECK_THROWS_WITH_AS((void)rank_of_best(&one, 1, [](index_t) { return false; }),
                       "rank_of_best: no item belongs to the query", Error);
}

#pragma once
// Retrieval: how often what belongs to a query is among the K best, and at which rank it stands (Hodosh, Young,
// Hockenmaier 2013).

#include <algorithm>
#include <vector>

#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::metrics {

struct RetrievalScores {
  double r1 = 0, r5 = 0, r10 = 0;  ///< share of queries with a right item among the 1, 5, 10 best
  double median_rank = 0;          ///< of the best right item; 1 is the best there is
  index_t queries = 0;
};

/// Share of the ranks (counted from 1) that are at most k.
[[nodiscard]] inline double recall_at(const std::vector<index_t>& ranks, index_t k) {
  if (ranks.empty()) fail("recall_at", "there are no ranks");
  const auto found = std::count_if(ranks.begin(), ranks.end(), [k](index_t rank) { return rank <= k; });
  return static_cast<double>(found) / static_cast<double>(ranks.size());
}

/// The middle rank; the mean of the two middle ones where their number is even.
[[nodiscard]] inline double median_rank(std::vector<index_t> ranks) {
  if (ranks.empty()) fail("median_rank", "there are no ranks");
  std::sort(ranks.begin(), ranks.end());
  const std::size_t n = ranks.size();
  return static_cast<double>(ranks[(n - 1) / 2] + ranks[n / 2]) / 2;
}

[[nodiscard]] inline RetrievalScores retrieval_scores(const std::vector<index_t>& ranks) {
  return {recall_at(ranks, 1), recall_at(ranks, 5), recall_at(ranks, 10), median_rank(ranks),
          static_cast<index_t>(ranks.size())};
}

/// The rank of the best right item of one query among `count` items: 1 + how many wrong ones have at least its
/// similarity (ties count against the model). right(i) says whether item i belongs to the query.
template <class T, class Right>
[[nodiscard]] index_t rank_of_best(const T* similarities, index_t count, Right&& right) {
  bool any = false;
  T best{};
  for (index_t i = 0; i < count; ++i)
    if (right(i) && (!any || similarities[i] > best)) {
      best = similarities[i];
      any = true;
    }
  if (!any) fail("rank_of_best", "no item belongs to the query");
  index_t rank = 1;
  for (index_t i = 0; i < count; ++i) rank += !right(i) && !(similarities[i] < best) ? 1 : 0;
  return rank;
}

struct CrossRetrieval {
  RetrievalScores image_to_text, text_to_image;
};

/// similarities: images x texts, row by row; owner[t] is the image that text t belongs to. An image's query is right
/// when any of its texts is found.
template <class T>
[[nodiscard]] CrossRetrieval cross_retrieval(const T* similarities, index_t images, const std::vector<index_t>& owner) {
  const auto texts = static_cast<index_t>(owner.size());
  std::vector<index_t> to_text, to_image;
  for (index_t i = 0; i < images; ++i)
    to_text.push_back(rank_of_best(similarities + i * texts, texts,
                                   [&](index_t t) { return owner[static_cast<std::size_t>(t)] == i; }));
  std::vector<T> column(static_cast<std::size_t>(images));
  for (index_t t = 0; t < texts; ++t) {
    for (index_t i = 0; i < images; ++i) column[static_cast<std::size_t>(i)] = similarities[i * texts + t];
    const index_t mine = owner[static_cast<std::size_t>(t)];
    to_image.push_back(rank_of_best(column.data(), images, [mine](index_t i) { return i == mine; }));
  }
  return {retrieval_scores(to_text), retrieval_scores(to_image)};
}

}  // namespace limn::inline LIMN_ABI::metrics

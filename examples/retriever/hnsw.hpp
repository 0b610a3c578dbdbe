#pragma once
// A hierarchical navigable small-world graph (Malkov, Yashunin 2018) over unit vectors. The one header that includes
// hnswlib, which defines functions that are not inline: include it in one source file of a program alone.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <hnswlib/hnswlib.h>

#include <limn_kernels/error.hpp>

namespace limn::retriever {

/// The graph as plain arrays, fit for a file; the vectors are kept beside it.
struct GraphArrays {
  std::vector<std::int32_t> level;  ///< [n]: how many levels above the lowest each item is on
  std::vector<std::int32_t> lower;  ///< [n, 1 + 2 links]: how many neighbours, then their numbers
  std::vector<std::int32_t> upper;  ///< [sum of levels, 1 + links]: the same, item by item, level by level
  index_t entry = 0, top_level = 0;
};

class Hnsw {
 public:
  static constexpr index_t links = 16, effort = 200;  ///< hnswlib's M and ef_construction

  Hnsw(index_t width, index_t capacity)
      : space_(std::make_unique<hnswlib::InnerProductSpace>(static_cast<std::size_t>(width))),
        graph_(std::make_unique<Graph>(space_.get(), static_cast<std::size_t>(std::max<index_t>(1, capacity)),
                                       static_cast<std::size_t>(links), static_cast<std::size_t>(effort))) {}

  [[nodiscard]] index_t size() const { return static_cast<index_t>(graph_->cur_element_count); }

  /// Adds a unit vector under the number size().
  void add(const float* vector) {
    const auto label = static_cast<std::size_t>(size());
    // The level depends on the number alone: the same graph, however often it was extended.
    graph_->level_generator_.seed(static_cast<unsigned>((label + 1) * 0x9e3779b97f4a7c15u >> 32));
    graph_->addPoint(vector, label);
  }

  /// The k nearest by inner product, best first: number and similarity. `width` of the search: more finds more.
  [[nodiscard]] std::vector<std::pair<index_t, float>> search(const float* query, index_t k, index_t search_width) {
    graph_->setEf(static_cast<std::size_t>(std::max(k, search_width)));
    auto queue = graph_->searchKnn(query, static_cast<std::size_t>(k));
    std::vector<std::pair<index_t, float>> found;
    for (; !queue.empty(); queue.pop())
      found.emplace_back(static_cast<index_t>(queue.top().second), 1 - queue.top().first);
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    return found;
  }

  [[nodiscard]] GraphArrays arrays() const {
    GraphArrays a;
    a.entry = size() ? static_cast<index_t>(graph_->enterpoint_node_) : 0;
    a.top_level = graph_->maxlevel_;
    for (unsigned i = 0; i < graph_->cur_element_count; ++i) {
      a.level.push_back(graph_->element_levels_[i]);
      append(graph_->get_linklist0(i), 2 * links, a.lower);
      for (int level = 1; level <= graph_->element_levels_[i]; ++level)
        append(graph_->get_linklist(i, level), links, a.upper);
    }
    return a;
  }

  /// A graph of `count` vectors [count, width] from its arrays, with room for `capacity`. Throws Error naming `where`
  /// unless every number in them is possible: a damaged file makes no wild pointer.
  [[nodiscard]] static Hnsw from_arrays(index_t width, index_t count, index_t capacity, const float* vectors,
                                        const GraphArrays& a, const std::string& where) {
    check(count, a, where);
    Hnsw made(width, std::max(count, capacity));
    Graph& graph = *made.graph_;
    const std::int32_t* upper = a.upper.data();
    for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
      graph.element_levels_[i] = a.level[i];
      std::memset(graph.data_level0_memory_ + i * graph.size_data_per_element_, 0, graph.size_data_per_element_);
      restore(a.lower.data() + i * (1 + 2 * links), 2 * links, graph.get_linklist0(i));
      std::memcpy(graph.getDataByInternalId(i), vectors + static_cast<index_t>(i) * width,
                  static_cast<std::size_t>(width) * sizeof(float));
      graph.setExternalLabel(i, i);
      graph.label_lookup_[i] = i;
      graph.linkLists_[i] = nullptr;
      if (a.level[i] > 0) {
        graph.linkLists_[i] =
            static_cast<char*>(std::calloc(static_cast<std::size_t>(a.level[i]) + 1, graph.size_links_per_element_));
        if (!graph.linkLists_[i]) throw std::bad_alloc();
      }
      graph.cur_element_count = i + 1;
      for (int level = 1; level <= a.level[i]; ++level, upper += 1 + links)
        restore(upper, links, graph.get_linklist(i, level));
    }
    graph.enterpoint_node_ = count ? static_cast<unsigned>(a.entry) : static_cast<unsigned>(-1);
    graph.maxlevel_ = count ? static_cast<int>(a.top_level) : -1;
    return made;
  }

 private:
  using Graph = hnswlib::HierarchicalNSW<float>;

  void append(unsigned* list, index_t most, std::vector<std::int32_t>& to) const {
    const auto count = static_cast<index_t>(graph_->getListCount(list));
    to.push_back(static_cast<std::int32_t>(count));
    for (index_t k = 0; k < most; ++k) to.push_back(k < count ? static_cast<std::int32_t>(list[1 + k]) : 0);
  }
  static void restore(const std::int32_t* from, index_t most, unsigned* list) {
    *reinterpret_cast<unsigned short*>(list) = static_cast<unsigned short>(from[0]);
    for (index_t k = 0; k < most; ++k) list[1 + k] = static_cast<unsigned>(from[1 + k]);
  }

  static void check(index_t count, const GraphArrays& a, const std::string& where) {
    const auto damaged = [&](const char* what) { fail(where, "its graph has ", what, "; index the images again"); };
    index_t levels = 0;
    if (static_cast<index_t>(a.level.size()) != count || a.lower.size() != a.level.size() * (1 + 2 * links))
      damaged("lists of the wrong length");
    for (const std::int32_t level : a.level) {
      if (level < 0 || level > 64) damaged("an impossible level");
      levels += level;
    }
    if (static_cast<index_t>(a.upper.size()) != levels * (1 + links)) damaged("lists of the wrong length");
    if (count > 0 && (a.entry < 0 || a.entry >= count || a.top_level < 0 ||
                      a.level[static_cast<std::size_t>(a.entry)] != a.top_level))
      damaged("an impossible entry");
    const auto check_list = [&](const std::int32_t* list, index_t most, int level) {
      if (list[0] < 0 || list[0] > most) damaged("an impossible number of neighbours");
      for (std::int32_t k = 1; k <= list[0]; ++k)
        if (list[k] < 0 || list[k] >= count || a.level[static_cast<std::size_t>(list[k])] < level)
          damaged("an impossible neighbour");
    };
    const std::int32_t* upper = a.upper.data();
    for (std::size_t i = 0; i < a.level.size(); ++i) {
      check_list(a.lower.data() + i * (1 + 2 * links), 2 * links, 0);
      for (int level = 1; level <= a.level[i]; ++level, upper += 1 + links) check_list(upper, links, level);
    }
  }

  std::unique_ptr<hnswlib::InnerProductSpace> space_;  // the graph points into it
  std::unique_ptr<Graph> graph_;
};

}  // namespace limn::retriever

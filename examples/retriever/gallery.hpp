#pragma once
// Gallery: unit vectors of images (or texts) with their names and a search graph, in one file.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <limn/core/tensor.hpp>
#include <limn/io/file.hpp>

namespace limn::retriever {

class Hnsw;

/// What a search found.
struct Hit {
  index_t item = 0;
  float similarity = 0;
};

/// The file is read whole: its links are checked before the first search, which touches every page anyway, and hnswlib
/// owns its memory; so it is not mapped. Saving replaces the file atomically.
class Gallery {
 public:
  /// An empty one. `model`: Matcher::fingerprint(); `kind`: "images" or "texts".
  Gallery(std::string model, std::string kind, index_t width);
  /// Throws one line when the file is damaged, or of another model than `model`.
  [[nodiscard]] static Gallery load(const std::string& path, const std::string& model);
  Gallery(Gallery&&) noexcept;
  ~Gallery();

  [[nodiscard]] index_t size() const { return static_cast<index_t>(names_.size()); }
  [[nodiscard]] index_t width() const { return width_; }
  [[nodiscard]] const std::string& kind() const { return kind_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// Adds items with unit vectors [N, width]: the graph grows, it is not built anew.
  void add(const std::vector<std::string>& names, const Tensor<float>& vectors);
  /// The k most similar items, best first: by the graph, or exactly.
  [[nodiscard]] std::vector<Hit> search(const float* query, index_t k) const;
  [[nodiscard]] std::vector<Hit> search_exactly(const float* query, index_t k) const;
  /// Writes everything through `file` and commits it.
  void save(io::AtomicFile& file) const;

 private:
  std::string model_, kind_;
  index_t width_ = 0;
  std::vector<std::string> names_;
  std::vector<float> vectors_;  ///< [size, width]
  std::unique_ptr<Hnsw> graph_;
  index_t capacity_ = 0;
};

}  // namespace limn::retriever

#pragma once
// Photographs in memory for training a network from pixels: every epoch sees another cut of each.

#include <filesystem>
#include <vector>

#include <limn/core/random.hpp>
#include <limn/image/image.hpp>

namespace limn::captioner {

/// What is cut from a picture, and how it is lit.
struct Cut {
  index_t top = 0, left = 0, side = 0;
  bool mirrored = false;
  float gain = 1, offset = 0;  ///< values become value * gain + offset
};

/// Pictures squeezed to squares of one side, 8 bits a sample: 49 KB each at a side of 128.
class PictureSet {
 public:
  /// Reads the files; `program` stands before the progress line. Throws naming the first that cannot be read.
  PictureSet(const std::vector<std::filesystem::path>& files, index_t side, bool quiet);

  [[nodiscard]] index_t size() const { return static_cast<index_t>(pictures_.size()); }
  /// Seven eighths of the side anywhere, mirrored or not, a little brighter or darker: by seed, epoch and picture
  /// alone.
  [[nodiscard]] Cut random_cut(std::uint64_t seed, index_t epoch, index_t picture) const;
  [[nodiscard]] Cut whole() const { return {0, 0, side_}; }
  /// [N, 3, s, s], s the side of the cuts, which are equal; values as pixels_of() gives them.
  [[nodiscard]] Tensor<float> pixels(const std::vector<index_t>& pictures, const std::vector<Cut>& cuts) const;

 private:
  index_t side_;
  std::vector<image::Image> pictures_;
};

}  // namespace limn::captioner

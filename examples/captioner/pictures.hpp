#pragma once
// Photographs in memory for training a network from pixels: every epoch sees another cut of each.

#include <array>
#include <vector>

#include <limn/core/random.hpp>
#include <limn/image/image.hpp>

#include "captioner/views.hpp"

namespace limn::captioner {

/// What is cut from a picture, and how it is lit.
struct Cut {
  double top = 0, left = 0, height = 0, width = 0;  ///< in the picture's own pixels; edges may lie between them
  bool mirrored = false;
  std::array<float, 3> gain{1, 1, 1};  ///< of red, green, blue: values become value * gain + offset
  float offset = 0;
  bool grey = false;  ///< each pixel's three values are its luma, before gain and offset
};

/// Side of the cuts that train a network meant to read pictures of side `picture`: seven eighths, to whole sixteens
/// (the four pools of the VGG-shaped network halve it four times).
[[nodiscard]] constexpr index_t cut_side(index_t picture) { return (picture * 7 / 8 + 8) / 16 * 16; }

/// Side of the squares whose cuts train a network meant to read pictures of side `picture`: larger, so that few cuts
/// repeat a pixel.
[[nodiscard]] constexpr index_t squeezed_side(index_t picture) { return picture * 5 / 4; }

/// Pictures squeezed to squares of one side, 8 bits a sample: 77 KB each at a side of 160.
class PictureSet {
 public:
  /// Reads the files, one once where its views follow each other. Throws naming the first that cannot be read.
  PictureSet(const std::vector<View>& views, index_t side, bool quiet);
  PictureSet(const std::vector<image::Image>& pictures, index_t side);

  [[nodiscard]] index_t size() const { return static_cast<index_t>(pictures_.size()); }
  [[nodiscard]] index_t side() const { return side_; }
  /// A rectangle whose sides are `least` to 1 of the picture's, each drawn alone; mirrored or not, a little brighter or
  /// darker, its colours a little off, grey as often as `grey` says (0 to 1): by seed, epoch and picture alone.
  [[nodiscard]] Cut random_cut(std::uint64_t seed, index_t epoch, index_t picture, double least, double grey) const;
  [[nodiscard]] Cut whole() const;
  /// The cuts stretched to squares, between pixels linearly: [N, 3, side, side], values as pixels_of() gives them.
  [[nodiscard]] Tensor<float> pixels(const std::vector<index_t>& pictures, const std::vector<Cut>& cuts,
                                     index_t side) const;
  /// The whole of each.
  [[nodiscard]] Tensor<float> whole_pixels(const std::vector<index_t>& pictures, index_t side) const;
  [[nodiscard]] Tensor<float> whole_pixels(index_t side) const;
  /// The same as pixels() as 8-bit samples, 0 to 255.
  [[nodiscard]] Tensor<std::uint8_t> bytes(const std::vector<index_t>& pictures, const std::vector<Cut>& cuts,
                                           index_t side) const;

 private:
  template <class T, class Stored>
  [[nodiscard]] Tensor<T> stretched(const std::vector<index_t>& pictures, const std::vector<Cut>& cuts, index_t side,
                                    Stored stored) const;

  index_t side_;
  std::vector<image::Image> pictures_;
};

}  // namespace limn::captioner

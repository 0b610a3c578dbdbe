#include "captioner/pictures.hpp"

#include <atomic>

#include <limn/image/decode.hpp>
#include <limn/image/resize.hpp>

#include "shared/progress.hpp"

namespace limn::captioner {

PictureSet::PictureSet(const std::vector<std::filesystem::path>& files, index_t side, bool quiet)
    : side_(side), pictures_(files.size()) {
  app::Progress progress("pictures", size(), quiet);
  constexpr index_t chunk = 256;
  for (index_t first = 0; first < size(); first += chunk) {
    const index_t count = std::min(chunk, size() - first);
    kernels::parallel_for(count, 8, [&](index_t begin, index_t end) {
      for (index_t i = first + begin; i < first + end; ++i)
        pictures_[static_cast<std::size_t>(i)] =
            image::resize(image::decode_file(files[static_cast<std::size_t>(i)]), side, side, image::Filter::bilinear);
    });
    progress.advance(count);
  }
  progress.finish();
}

Cut PictureSet::random_cut(std::uint64_t seed, index_t epoch, index_t picture) const {
  Generator draw(seed);
  draw.set_state({seed ^ 0x637574ull, static_cast<std::uint64_t>(epoch * size() + picture) * 16});
  Cut cut;
  cut.side = side_ * 7 / 8;
  cut.top = draw.below(side_ - cut.side + 1);
  cut.left = draw.below(side_ - cut.side + 1);
  cut.mirrored = draw.below(2) == 1;
  cut.gain = static_cast<float>(0.8 + 0.4 * draw.uniform());
  cut.offset = static_cast<float>(0.6 * draw.uniform() - 0.3);
  return cut;
}

Tensor<float> PictureSet::pixels(const std::vector<index_t>& pictures, const std::vector<Cut>& cuts) const {
  const index_t count = static_cast<index_t>(pictures.size()), side = cuts.empty() ? side_ : cuts[0].side;
  Tensor<float> x({count, 3, side, side});
  kernels::parallel_for(count, 4, [&](index_t begin, index_t end) {
    for (index_t n = begin; n < end; ++n) {
      const image::Image& picture = pictures_[static_cast<std::size_t>(pictures[static_cast<std::size_t>(n)])];
      const Cut& cut = cuts[static_cast<std::size_t>(n)];
      for (index_t row = 0; row < side; ++row)
        for (index_t column = 0; column < side; ++column) {
          const index_t from = cut.left + (cut.mirrored ? side - 1 - column : column);
          const std::uint8_t* rgb = picture.pixels.data() + 3 * ((cut.top + row) * side_ + from);
          for (index_t c = 0; c < 3; ++c)
            x.data()[((n * 3 + c) * side + row) * side + column] =
                (static_cast<float>(rgb[c]) / 63.75f - 2) * cut.gain + cut.offset;
        }
    }
  });
  return x;
}

}  // namespace limn::captioner

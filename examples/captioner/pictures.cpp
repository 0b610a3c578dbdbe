#include "captioner/pictures.hpp"

#include <algorithm>
#include <numeric>

#include <limn/image/decode.hpp>
#include <limn/image/resize.hpp>

#include "shared/progress.hpp"

namespace limn::captioner {

PictureSet::PictureSet(const std::vector<View>& views, index_t side, bool quiet)
    : side_(side), pictures_(views.size()) {
  app::Progress progress("pictures", size(), quiet);
  constexpr index_t chunk = 512;
  for (index_t first = 0; first < size(); first += chunk) {
    const index_t count = std::min(chunk, size() - first);
    kernels::parallel_for(count, 8, [&](index_t begin, index_t end) {
      image::Image photograph;
      for (index_t i = first + begin; i < first + end; ++i) {
        const View& view = views[static_cast<std::size_t>(i)];
        if (i == first + begin || view.file != views[static_cast<std::size_t>(i - 1)].file)
          photograph = image::decode_file(view.file);
        const bool whole = view.part == Rectangle{};
        pictures_[static_cast<std::size_t>(i)] =
            image::resize(whole ? photograph : part_of(photograph, view.part), side, side, image::Filter::bilinear);
      }
    });
    progress.advance(count);
  }
  progress.finish();
}

PictureSet::PictureSet(const std::vector<image::Image>& pictures, index_t side)
    : side_(side), pictures_(pictures.size()) {
  kernels::parallel_for(size(), 8, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i)
      pictures_[static_cast<std::size_t>(i)] =
          image::resize(pictures[static_cast<std::size_t>(i)], side, side, image::Filter::bilinear);
  });
}

Cut PictureSet::random_cut(std::uint64_t seed, index_t epoch, index_t picture, double least, double grey) const {
  Generator draw(seed);
  draw.set_state({seed ^ 0x637574ull, static_cast<std::uint64_t>(epoch * size() + picture) * 16});
  const auto side = static_cast<double>(side_);
  Cut cut;
  cut.height = side * (least + (1 - least) * draw.uniform());
  cut.width = side * (least + (1 - least) * draw.uniform());
  cut.top = (side - cut.height) * draw.uniform();
  cut.left = (side - cut.width) * draw.uniform();
  cut.mirrored = draw.below(2) == 1;
  const double gain = 0.8 + 0.4 * draw.uniform();
  for (float& each : cut.gain) each = static_cast<float>(gain * (0.9 + 0.2 * draw.uniform()));
  cut.offset = static_cast<float>(0.6 * draw.uniform() - 0.3);
  cut.grey = draw.uniform() < grey;
  return cut;
}

Cut PictureSet::whole() const { return {0, 0, static_cast<double>(side_), static_cast<double>(side_)}; }

namespace {

/// Where the middles of `count` steps over [start, start + length) lie between the middles of `side` pixels.
struct Step {
  index_t low, high;
  float part;  ///< how much of `high`
};
std::vector<Step> steps(double start, double length, index_t count, index_t side) {
  std::vector<Step> all;
  for (index_t k = 0; k < count; ++k) {
    const double middle = start + (static_cast<double>(k) + 0.5) * length / static_cast<double>(count) - 0.5,
                 at = std::min(std::max(middle, 0.0), static_cast<double>(side - 1));
    const auto low = static_cast<index_t>(at);
    all.push_back({low, std::min(low + 1, side - 1), static_cast<float>(at - static_cast<double>(low))});
  }
  return all;
}

}  // namespace

template <class T, class Stored>
Tensor<T> PictureSet::stretched(const std::vector<index_t>& pictures, const std::vector<Cut>& cuts, index_t side,
                                Stored stored) const {
  const index_t count = static_cast<index_t>(pictures.size());
  Tensor<T> x({count, 3, side, side});
  kernels::parallel_for(count, 4, [&](index_t begin, index_t end) {
    for (index_t n = begin; n < end; ++n) {
      const image::Image& picture = pictures_[static_cast<std::size_t>(pictures[static_cast<std::size_t>(n)])];
      const Cut& cut = cuts[static_cast<std::size_t>(n)];
      const std::vector<Step> rows = steps(cut.top, cut.height, side, side_);
      std::vector<Step> columns = steps(cut.left, cut.width, side, side_);
      if (cut.mirrored) std::reverse(columns.begin(), columns.end());
      T* const to = x.data() + n * 3 * side * side;
      for (index_t r = 0; r < side; ++r) {
        const Step& row = rows[static_cast<std::size_t>(r)];
        const std::uint8_t *above = picture.pixels.data() + 3 * row.low * side_,
                           *below = picture.pixels.data() + 3 * row.high * side_;
        for (index_t k = 0; k < side; ++k) {
          const Step& column = columns[static_cast<std::size_t>(k)];
          std::array<float, 3> values;
          for (index_t c = 0; c < 3; ++c) {
            const auto between = [&](const std::uint8_t* line) {
              const auto a = static_cast<float>(line[3 * column.low + c]),
                         b = static_cast<float>(line[3 * column.high + c]);
              return a + (b - a) * column.part;
            };
            const float a = between(above), b = between(below);
            values[static_cast<std::size_t>(c)] = (a + (b - a) * row.part) / 63.75f - 2;
          }
          if (cut.grey) values.fill(0.299f * values[0] + 0.587f * values[1] + 0.114f * values[2]);  // ITU-R BT.601
          for (std::size_t c = 0; c < 3; ++c)
            to[(static_cast<index_t>(c) * side + r) * side + k] = stored(values[c] * cut.gain[c] + cut.offset);
        }
      }
    }
  });
  return x;
}

Tensor<float> PictureSet::pixels(const std::vector<index_t>& pictures, const std::vector<Cut>& cuts,
                                 index_t side) const {
  return stretched<float>(pictures, cuts, side, [](float value) { return value; });
}

Tensor<float> PictureSet::whole_pixels(const std::vector<index_t>& pictures, index_t side) const {
  return pixels(pictures, std::vector<Cut>(pictures.size(), whole()), side);
}

Tensor<float> PictureSet::whole_pixels(index_t side) const {
  std::vector<index_t> all(pictures_.size());
  std::iota(all.begin(), all.end(), index_t{0});
  return whole_pixels(all, side);
}

Tensor<std::uint8_t> PictureSet::bytes(const std::vector<index_t>& pictures, const std::vector<Cut>& cuts,
                                       index_t side) const {
  return stretched<std::uint8_t>(pictures, cuts, side, [](float value) {
    return static_cast<std::uint8_t>(std::clamp((value + 2) * 63.75f + 0.5f, 0.0f, 255.0f));
  });
}

}  // namespace limn::captioner

#pragma once
// interpolate: resizes the spatial axes of x [N, C, L], [N, C, H, W] or [N, C, D, H, W]; nearest, linear, cubic,
// antialiased.

#include <cmath>
#include <memory>

#include <limn/autograd/record.hpp>
#include <limn/core/check.hpp>
#include <limn/core/copy.hpp>
#include <limn_kernels/interpolate.hpp>

namespace limn::inline LIMN_ABI {

/// bilinear and bicubic name what linear and cubic are on images: along every spatial axis.
enum class Interpolation : std::uint8_t { nearest, nearest_exact, linear, cubic, bilinear = linear, bicubic = cubic };

struct InterpolateOptions {
  Dims size = {};                         ///< the new extents, one for each spatial axis; or
  std::vector<double> scale_factor = {};  ///< one factor for all axes or one for each: extent floor(n * factor)
  Interpolation mode = Interpolation::nearest;
  bool align_corners = false;           ///< linear and cubic: the first and the last elements keep their places
  bool antialias = false;               ///< linear and cubic: widen the filter when shrinking, as PIL does
  bool recompute_scale_factor = false;  ///< step by the ratio of the extents, not by 1 / scale_factor
};

namespace detail {

/// The weights of one axis, row i those of output i (see kernels::InterpolateTaps).
struct InterpolateTable {
  index_t n = 0, out = 0;
  std::vector<index_t> first = {0};
  std::vector<index_t> source = {};
  std::vector<double> weight = {};

  void add(index_t from, double w) {
    source.push_back(from < 0 ? 0 : from >= n ? n - 1 : from);
    weight.push_back(w);
  }
  void end_row() { first.push_back(static_cast<index_t>(source.size())); }
  [[nodiscard]] kernels::InterpolateTaps taps() const { return {first.data(), source.data(), weight.data()}; }
};

/// The same weights with inputs and outputs exchanged; each row in order of the outputs.
[[nodiscard]] inline InterpolateTable transposed(const InterpolateTable& table) {
  const auto at = [](auto& v, index_t i) -> auto& { return v[static_cast<std::size_t>(i)]; };
  InterpolateTable result{table.out, table.n, std::vector<index_t>(static_cast<std::size_t>(table.n) + 1), table.source,
                          table.weight};
  for (const index_t from : table.source) ++at(result.first, from + 1);
  for (index_t i = 0; i < table.n; ++i) at(result.first, i + 1) += at(result.first, i);
  std::vector<index_t> next = result.first;
  for (index_t i = 0; i < table.out; ++i)
    for (index_t t = at(table.first, i); t < at(table.first, i + 1); ++t) {
      const index_t to = at(next, at(table.source, t))++;
      at(result.source, to) = i;
      at(result.weight, to) = at(table.weight, t);
    }
  return result;
}

/// Keys' cubic convolution kernel (1981) with parameter a.
[[nodiscard]] inline double cubic_weight(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

/// Row i of an antialiased table: the filter, as wide as `step` when that is above 1, around the centre (i + 1/2) step.
inline void add_antialiased_row(InterpolateTable& table, index_t i, double step, bool cubic) {
  const double widening = step > 1 ? step : 1, support = (cubic ? 2 : 1) * widening,
               centre = (static_cast<double>(i) + 0.5) * step;
  const auto low = std::max<index_t>(static_cast<index_t>(centre - support + 0.5), 0);
  const auto high = std::min<index_t>(static_cast<index_t>(centre + support + 0.5), table.n);
  double total = 0;
  for (index_t j = low; j < high; ++j) {
    const double x = (static_cast<double>(j) - centre + 0.5) / widening;
    const double w = cubic ? cubic_weight(x, -0.5) : std::max(0.0, 1 - std::abs(x));
    table.add(j, w);
    total += w;
  }
  if (total != 0)
    for (std::size_t t = static_cast<std::size_t>(table.first.back()); t < table.weight.size(); ++t)
      table.weight[t] /= total;
  table.end_row();
}

/// The table of one axis; factor 0: the step is the ratio of the extents. Places are PyTorch's.
[[nodiscard]] inline InterpolateTable interpolate_table(index_t n, index_t out, double factor,
                                                        const InterpolateOptions& o) {
  InterpolateTable table{n, out};
  const bool cubic = o.mode == Interpolation::cubic;
  const auto ratio = [](index_t a, index_t b) { return static_cast<double>(a) / static_cast<double>(b); };
  double step = factor > 0 ? 1 / factor : ratio(n, out);
  if (o.align_corners) step = out > 1 ? ratio(n - 1, out - 1) : 0;
  for (index_t i = 0; i < out; ++i) {
    if (o.antialias) {
      add_antialiased_row(table, i, step, cubic);
      continue;
    }
    const double middle = (static_cast<double>(i) + 0.5) * step - 0.5,
                 place = o.align_corners ? static_cast<double>(i) * step : middle;
    if (o.mode == Interpolation::nearest || o.mode == Interpolation::nearest_exact) {
      // In float, as PyTorch does: the rounding decides between neighbours.
      const float offset = o.mode == Interpolation::nearest ? 0.f : 0.5f, narrow = static_cast<float>(i) + offset;
      const float at = factor > 0 ? narrow * static_cast<float>(1 / factor)
                                  : narrow * (static_cast<float>(n) / static_cast<float>(out));
      table.add(static_cast<index_t>(at), 1);
    } else if (cubic) {
      const double floor = std::floor(place), t = place - floor;
      for (index_t tap = -1; tap <= 2; ++tap)
        table.add(static_cast<index_t>(floor) + tap, cubic_weight(static_cast<double>(tap) - t, -0.75));
    } else {
      const double clamped =
          n == out ? static_cast<double>(i) : std::min(std::max(place, 0.0), static_cast<double>(n - 1));
      const double floor = std::floor(clamped), t = clamped - floor;
      table.add(static_cast<index_t>(floor), 1 - t);
      if (t > 0) table.add(static_cast<index_t>(floor) + 1, t);
    }
    table.end_row();
  }
  return table;
}

using SharedTable = std::shared_ptr<const InterpolateTable>;

/// x with `axis` resampled by `table`; `back` is its transpose, which the gradient resamples by.
template <class T>
[[nodiscard]] Tensor<T> interpolate_axis(const Tensor<T>& x, index_t axis, const SharedTable& table,
                                         const SharedTable& back) {
  Shape shape = x.shape();
  kernels::InterpolateShape s{1, table->n, table->out, 1};
  for (index_t i = 0; i < x.rank(); ++i) (i < axis ? s.outer : s.inner) *= i == axis ? 1 : shape[i];
  shape[axis] = table->out;
  Tensor<T> y(shape, x.device());
  kernels::interpolate(x.device(), s, table->taps(), packed(x).data(), y.data());
  return record("interpolate", y, {x}, [axis, table, back](const Tensor<T>& dy) -> Grads<T> {
    return {interpolate_axis(dy, axis, back, table)};
  });
}

}  // namespace detail

/// x with its spatial axes (those after N and C) resized, as torch.nn.functional.interpolate does it. Output i of an
/// axis lies at (i + 1/2) n / out - 1/2 of the input (linear: not left of 0), or at i (n - 1) / (out - 1) with
/// align_corners; nearest takes element floor(i n / out). The edges are repeated. An extent is at most 2^24, up to
/// which float counts exactly. cubic: Keys' kernel with a = -0.75, antialiased -0.5.
template <class T>
[[nodiscard]] Tensor<T> interpolate(const Tensor<T>& x, const InterpolateOptions& options) {
  static_assert(std::is_floating_point_v<T> || is_half<T>, "interpolate: cast integers first");
  const char* op = "interpolate";
  const index_t axes = x.rank() - 2, factors = static_cast<index_t>(options.scale_factor.size());
  if (axes < 1 || axes > 3)
    fail(op, "x has shape ", x.shape(), " but must be [N, C, L], [N, C, H, W] or [N, C, D, H, W]");
  const bool smooth = options.mode == Interpolation::linear || options.mode == Interpolation::cubic;
  if (!smooth && options.align_corners) fail(op, "align_corners needs mode linear or cubic");
  if (!smooth && options.antialias) fail(op, "antialias needs mode linear or cubic");
  if (options.size.empty() == (factors == 0)) fail(op, "give either size or scale_factor");
  if (factors == 0 && options.size.rank() != axes)
    fail(op, "size ", options.size, " must have ", axes, " extents for x of shape ", x.shape());
  if (factors > 1 && factors != axes)
    fail(op, "scale_factor has ", factors, " values but x of shape ", x.shape(), " has ", axes, " spatial axes");

  Tensor<T> y = x;
  for (index_t i = axes - 1; i >= 0; --i) {
    const index_t n = x.size(i + 2);
    const double factor = factors == 0 ? 0 : options.scale_factor[static_cast<std::size_t>(factors == 1 ? 0 : i)];
    if (factors != 0 && !(factor > 0 && std::isfinite(factor))) fail(op, "scale_factor ", factor, " must be positive");
    const double extent =
        factors == 0 ? static_cast<double>(options.size[i]) : std::floor(static_cast<double>(n) * factor);
    if (n < 1 || extent < 1 || extent > 16777216)
      fail(op, "cannot resize axis ", i + 2, " of x of shape ", x.shape(), " to ", extent);
    const auto out = static_cast<index_t>(extent);
    const auto table = std::make_shared<const detail::InterpolateTable>(
        detail::interpolate_table(n, out, options.recompute_scale_factor ? 0 : factor, options));
    y = detail::interpolate_axis<T>(y, i + 2, table,
                                    std::make_shared<const detail::InterpolateTable>(detail::transposed(*table)));
  }
  return y;
}

}  // namespace limn::inline LIMN_ABI

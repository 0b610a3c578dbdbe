// Pooling on the GPU against plain loops in double over every window.

#include <limn_kernels/pool2d.hpp>

#include <limits>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

using kernels::AverageCount;
using kernels::Pool2dShape;

/// The taps of window o: inside the plane, and how many there are with padding.
struct Taps {
  std::vector<index_t> inside;
  index_t padded = 0;
};
Taps taps(index_t o, index_t extent, index_t out, index_t kernel, index_t stride, index_t pad, index_t dilation,
          bool adaptive) {
  Taps t;
  if (adaptive) {
    for (index_t i = o * extent / out; i * out < (o + 1) * extent; ++i) t.inside.push_back(i);
    t.padded = static_cast<index_t>(t.inside.size());
    return t;
  }
  for (index_t k = 0; k < kernel; ++k) {
    const index_t i = o * stride - pad + k * dilation;
    if (i >= 0 && i < extent) t.inside.push_back(i);
    if (i < extent + pad) ++t.padded;
  }
  return t;
}

template <class Body>
void for_each_window(const Pool2dShape& s, const Body& body) {
  for (index_t plane = 0; plane < s.planes; ++plane)
    for (index_t oy = 0; oy < s.oh; ++oy)
      for (index_t ox = 0; ox < s.ow; ++ox)
        body(plane * s.h * s.w, static_cast<std::size_t>((plane * s.oh + oy) * s.ow + ox),
             taps(oy, s.h, s.oh, s.kh, s.stride_h, s.pad_h, s.dilation_h, s.adaptive),
             taps(ox, s.w, s.ow, s.kw, s.stride_w, s.pad_w, s.dilation_w, s.adaptive));
}

Pool2dShape window(index_t planes, index_t h, index_t w, index_t kernel, index_t stride, index_t pad,
                   index_t dilation = 1, bool round_up = false) {
  const auto out = [&](index_t extent) {
    const index_t room = extent + 2 * pad - dilation * (kernel - 1) - 1 + (round_up ? stride - 1 : 0);
    return room / stride + 1;
  };
  return {planes, h, w, out(h), out(w), kernel, kernel, stride, stride, pad, pad, dilation, dilation};
}
Pool2dShape adaptive(index_t planes, index_t h, index_t w, index_t oh, index_t ow) {
  return {planes, h, w, oh, ow, 0, 0, 1, 1, 0, 0, 1, 1, true};
}

const std::vector<Pool2dShape> plain_shapes{window(3, 8, 8, 2, 2, 0),
                                            window(2, 7, 31, 3, 2, 1),
                                            window(1, 33, 17, 3, 1, 1),
                                            window(4, 9, 9, 3, 3, 0),
                                            window(2, 10, 6, 5, 2, 2, 1, true),
                                            window(2, 5, 5, 2, 3, 0),
                                            window(0, 4, 4, 2, 2, 0),
                                            window(1, 40, 40, 16, 8, 8),
                                            {1, 1, 257, 1, 257, 1, 1, 1, 1, 0, 0},
                                            {2, 6, 11, 3, 9, 2, 3, 2, 1, 0, 0},
                                            adaptive(3, 7, 7, 1, 1),
                                            adaptive(2, 33, 50, 1, 1),
                                            adaptive(1, 60, 70, 1, 1),
                                            adaptive(2, 10, 13, 4, 3),
                                            adaptive(2, 3, 5, 7, 8)};

template <class T>
void expect_max_pool(const Pool2dShape& s, const std::vector<double>& x) {
  const auto outputs = static_cast<std::size_t>(s.planes * s.oh * s.ow);
  const auto dy = values(s.planes * s.oh * s.ow, 7), other = values(s.planes * s.h * s.w, 8);
  std::vector<double> y(outputs), index(outputs), dx(x.size(), 0.0), picked(outputs);
  for_each_window(s, [&](index_t plane, std::size_t o, const Taps& rows, const Taps& columns) {
    index_t best = -1;
    for (const index_t i : rows.inside)
      for (const index_t j : columns.inside) {
        const double value = x[static_cast<std::size_t>(plane + i * s.w + j)];
        const double top = best < 0 ? 0 : x[static_cast<std::size_t>(plane + best)];
        if (best < 0 || value > top || (std::isnan(value) && !std::isnan(top))) best = i * s.w + j;
      }
    const auto at = static_cast<std::size_t>(plane + best);
    y[o] = std::isnan(x[at]) ? 1000.0 : x[at];
    index[o] = static_cast<double>(best);
    dx[at] += dy[o];
    picked[o] = other[at];
  });
  const Buffer<T> at_x(x), at_dy(dy), at_other(other);
  const Buffer<index_t> at_index(index);
  expect<index_t>(index, 0, [&](index_t* out) {
    const Buffer<T> maxima(outputs);
    cuda::max_pool2d<T>(s, at_x.data(), maxima.data(), out);
    const std::vector<double> found = maxima.values();
    for (std::size_t o = 0; o < outputs; ++o) REQUIRE((std::isnan(found[o]) ? 1000.0 : found[o]) == y[o]);
  });
  expect<T>(dx, tolerance<T>, [&](T* out) { cuda::max_pool2d_backward<T>(s, at_dy.data(), at_index.data(), out); });
  expect<T>(picked, 0, [&](T* out) { cuda::max_pool2d_pick<T>(s, at_other.data(), at_index.data(), out); });
}

TEST_CASE_TEMPLATE("max_pool2d: windows apart, overlapping, padded, dilated, rounded up, adaptive; its gradient", T,
                   float, double) {
  if (!have_device()) return;
  std::vector<Pool2dShape> shapes = plain_shapes;
  shapes.push_back(window(2, 12, 15, 3, 2, 1, 2));
  shapes.push_back(window(1, 9, 20, 2, 1, 1, 3));
  for (const Pool2dShape& s : shapes) expect_max_pool<T>(s, values(s.planes * s.h * s.w, 5));
}

TEST_CASE_TEMPLATE("max_pool2d: the first of equals, a NaN before all, minus infinity alone", T, float, double) {
  if (!have_device()) return;
  for (const Pool2dShape& s : {window(2, 9, 9, 3, 2, 1), window(1, 8, 8, 3, 1, 1, 2), adaptive(2, 9, 9, 4, 2)}) {
    std::vector<double> x = values(s.planes * s.h * s.w, 9);
    for (double& v : x) v = std::round(v);
    expect_max_pool<T>(s, x);
    for (std::size_t i = 3; i < x.size(); i += 11) x[i] = std::numeric_limits<double>::quiet_NaN();
    expect_max_pool<T>(s, x);
    std::vector<double> low(x.size(), -std::numeric_limits<double>::infinity());
    const Buffer<T> at_x(low);
    const auto outputs = static_cast<std::size_t>(s.planes * s.oh * s.ow);
    const Buffer<T> y(outputs);
    const Buffer<index_t> index(outputs);
    cuda::max_pool2d<T>(s, at_x.data(), y.data(), index.data());
    for (const double v : y.values()) CHECK(v == low[0]);
    for (const double i : index.values()) CHECK(i >= 0);
  }
}

TEST_CASE_TEMPLATE("avg_pool2d: small and large windows, each divisor; its gradient", T, float, double) {
  if (!have_device()) return;
  for (const Pool2dShape& s : plain_shapes)
    for (const AverageCount count : {AverageCount{true, 0}, AverageCount{false, 0}, AverageCount{true, 5}}) {
      const auto x = values(s.planes * s.h * s.w, 11), dy = values(s.planes * s.oh * s.ow, 13);
      std::vector<double> y(dy.size(), 0.0), dx(x.size(), 0.0);
      for_each_window(s, [&](index_t plane, std::size_t o, const Taps& rows, const Taps& columns) {
        const auto inside = static_cast<index_t>(rows.inside.size() * columns.inside.size());
        const auto divisor = static_cast<double>(count.divisor != 0  ? count.divisor
                                                 : count.include_pad ? rows.padded * columns.padded
                                                                     : inside);
        for (const index_t i : rows.inside)
          for (const index_t j : columns.inside) {
            const auto at = static_cast<std::size_t>(plane + i * s.w + j);
            y[o] += x[at] / divisor;
            dx[at] += dy[o] / divisor;
          }
      });
      const Buffer<T> at_x(x), at_dy(dy);
      expect<T>(y, 4 * tolerance<T>, [&](T* out) { cuda::avg_pool2d<T>(s, count, at_x.data(), out); });
      expect<T>(dx, 4 * tolerance<T>, [&](T* out) { cuda::avg_pool2d_backward<T>(s, count, at_dy.data(), out); });
    }
}

}  // namespace
}  // namespace limn::test

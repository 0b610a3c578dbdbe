#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <limn/core/random.hpp>
#include <limn_kernels/pool2d.hpp>

using namespace limn;

namespace {

kernels::Pool2dShape random_shape(Generator& generator, bool dilated) {
  while (true) {
    const auto pick = [&](index_t most) { return 1 + generator.below(most); };
    kernels::Pool2dShape s{pick(5), pick(20), pick(20), 0, 0, pick(4), pick(4), pick(3), pick(3), 0, 0};
    s.pad_h = generator.below(s.kh / 2 + 1);
    s.pad_w = generator.below(s.kw / 2 + 1);
    if (dilated) {
      s.dilation_h = pick(2);
      s.dilation_w = pick(3);
    }
    const index_t room_h = s.h + 2 * s.pad_h - s.dilation_h * (s.kh - 1) - 1;
    const index_t room_w = s.w + 2 * s.pad_w - s.dilation_w * (s.kw - 1) - 1;
    if (room_h < 0 || room_w < 0) continue;
    s.oh = room_h / s.stride_h + 1;
    s.ow = room_w / s.stride_w + 1;
    return s;
  }
}

/// Calls body(output, input) for every tap inside its plane, in scan order.
template <class Body>
void for_each_tap(const kernels::Pool2dShape& s, Body&& body) {
  for (index_t plane = 0; plane < s.planes; ++plane)
    for (index_t oy = 0; oy < s.oh; ++oy)
      for (index_t ox = 0; ox < s.ow; ++ox)
        for (index_t i = 0; i < s.kh; ++i)
          for (index_t j = 0; j < s.kw; ++j) {
            const index_t y = oy * s.stride_h - s.pad_h + i * s.dilation_h,
                          x = ox * s.stride_w - s.pad_w + j * s.dilation_w;
            if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
            body(static_cast<std::size_t>((plane * s.oh + oy) * s.ow + ox), plane, y * s.w + x);
          }
}

}  // namespace

TEST_CASE("max_pool2d finds the first largest element of every window, and pick and backward use its place") {
  Generator generator(3);
  for (int trial = 0; trial < 60; ++trial) {
    const kernels::Pool2dShape s = random_shape(generator, true);
    const auto inputs = static_cast<std::size_t>(s.planes * s.h * s.w),
               outputs = static_cast<std::size_t>(s.planes * s.oh * s.ow);
    std::vector<float> x(inputs), expected(outputs, -std::numeric_limits<float>::infinity());
    for (float& v : x) v = static_cast<float>(generator.below(6));  // many ties
    std::vector<index_t> place(outputs, -1);
    for_each_tap(s, [&](std::size_t o, index_t plane, index_t i) {
      const float v = x[static_cast<std::size_t>(plane * s.h * s.w + i)];
      if (place[o] >= 0 && v <= expected[o]) return;
      expected[o] = v;
      place[o] = i;
    });
    for (const int threads : {1, 2, 7}) {
      kernels::set_thread_count(threads);
      std::vector<float> y(outputs), dx(inputs, NAN), picked(outputs);
      std::vector<index_t> index(outputs);
      kernels::max_pool2d<float>(cpu_device, s, x.data(), y.data(), index.data());
      CHECK(y == expected);
      CHECK(index == place);
      kernels::max_pool2d_pick<float>(cpu_device, s, x.data(), index.data(), picked.data());
      CHECK(picked == expected);
      kernels::max_pool2d_backward<float>(cpu_device, s, y.data(), index.data(), dx.data());
      double sum_dx = 0, sum_dy = 0;
      for (const float v : dx) sum_dx += static_cast<double>(v);
      for (const float v : y) sum_dy += static_cast<double>(v);
      CHECK(sum_dx == sum_dy);  // whole numbers: exact
    }
  }
}

/// Square windows over planes with ties and NaN: a scan of each window, element by element.
template <class T>
void check_maxima(index_t planes, index_t h, index_t w, index_t kernel, index_t stride, index_t pad,
                  Generator& generator) {
  const auto out = [&](index_t extent) { return (extent + 2 * pad - kernel) / stride + 1; };
  const kernels::Pool2dShape s{planes, h, w, out(h), out(w), kernel, kernel, stride, stride, pad, pad};
  CAPTURE(w);
  CAPTURE(kernel);
  CAPTURE(stride);
  CAPTURE(pad);
  std::vector<T> x(static_cast<std::size_t>(planes * h * w)), y(static_cast<std::size_t>(planes * s.oh * s.ow));
  for (T& v : x) v = generator.below(9) == 0 ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(generator.below(5));
  std::vector<index_t> index(y.size(), -1);
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    kernels::max_pool2d<T>(cpu_device, s, x.data(), y.data(), index.data());
    for (index_t o = 0; o < planes * s.oh * s.ow; ++o) {
      const T* plane = x.data() + o / (s.oh * s.ow) * h * w;
      index_t best = -1;
      for (index_t i = 0; i < kernel; ++i)
        for (index_t j = 0; j < kernel; ++j) {
          const index_t row = o / s.ow % s.oh * stride - pad + i, column = o % s.ow * stride - pad + j,
                        at = row * w + column;
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          if (best < 0 || plane[at] > plane[best] || (std::isnan(plane[at]) && !std::isnan(plane[best]))) best = at;
        }
      const auto k = static_cast<std::size_t>(o);
      REQUIRE(index[k] == best);
      REQUIRE(std::memcmp(&y[k], &plane[best], sizeof(T)) == 0);
    }
  }
}

TEST_CASE("max_pool2d: ties, NaN, odd last rows and columns, widths around every vector") {
  Generator generator(5);
  for (index_t w = 2; w <= 70; ++w) {
    const index_t planes = 1 + generator.below(3), h = 2 + generator.below(9);
    check_maxima<float>(planes, h, w, 2, 2, 0, generator);
    check_maxima<double>(planes, h, w, 2, 2, 0, generator);
    check_maxima<float>(planes, h + 1, w + 1, 3, 1 + w % 3, w % 2, generator);
    check_maxima<double>(planes, h + 1, w + 1, 3, 2, 1, generator);
    check_maxima<float>(planes, h + 3, w + 3, 5, 1 + w % 2, w % 3, generator);
  }
  check_maxima<float>(40, 66, 130, 2, 2, 0, generator);
  check_maxima<float>(20, 66, 130, 3, 2, 1, generator);
}

TEST_CASE("averages of whole planes and of bands of rows, and their gradients") {
  Generator generator(6);
  for (const index_t h : {1, 2, 7, 13})
    for (const index_t w : {1, 5, 7, 16, 33, 70})
      for (const index_t bands : {index_t{1}, std::min<index_t>(h, 3)}) {
        kernels::Pool2dShape s{3, h, w, bands, 1, 1, 1, 1, 1, 0, 0};
        s.adaptive = true;
        std::vector<float> x(static_cast<std::size_t>(3 * h * w)), y(static_cast<std::size_t>(3 * bands), NAN),
            dx(x.size(), NAN);
        for (float& v : x) v = static_cast<float>(generator.uniform());
        kernels::avg_pool2d<float>(cpu_device, s, {}, x.data(), y.data());
        std::vector<double> share(x.size());
        for (index_t o = 0; o < 3 * bands; ++o) {
          const index_t first = o % bands * h / bands, last = (o % bands * h + h + bands - 1) / bands;
          double sum = 0;
          for (index_t i = first * w; i < last * w; ++i) {
            const auto at = static_cast<std::size_t>(o / bands * h * w + i);
            sum += static_cast<double>(x[at]);
            share[at] += (1.0 + static_cast<double>(o)) / static_cast<double>((last - first) * w);
          }
          CHECK(y[static_cast<std::size_t>(o)] ==
                doctest::Approx(sum / static_cast<double>((last - first) * w)).epsilon(1e-6));
          y[static_cast<std::size_t>(o)] = 1 + static_cast<float>(o);
        }
        kernels::avg_pool2d_backward<float>(cpu_device, s, {}, y.data(), dx.data());
        for (std::size_t i = 0; i < dx.size(); ++i) CHECK(dx[i] == doctest::Approx(share[i]).epsilon(1e-6));
      }
}

TEST_CASE("avg_pool2d is the sum over the taps inside by the divisor, and its backward the transpose") {
  Generator generator(4);
  for (int trial = 0; trial < 60; ++trial) {
    const kernels::Pool2dShape s = random_shape(generator, false);
    const kernels::AverageCount count{trial % 2 == 0, trial % 3 == 0 ? 5 : 0};
    const auto inputs = static_cast<std::size_t>(s.planes * s.h * s.w),
               outputs = static_cast<std::size_t>(s.planes * s.oh * s.ow);
    std::vector<double> x(inputs), dy(outputs), sum(outputs), inside(outputs), dx_expected(inputs);
    for (double& v : x) v = generator.uniform();
    for (double& v : dy) v = generator.uniform();
    for_each_tap(s, [&](std::size_t o, index_t plane, index_t i) {
      sum[o] += x[static_cast<std::size_t>(plane * s.h * s.w + i)];
      ++inside[o];
    });
    const auto divisor = [&](std::size_t o) {
      if (count.divisor != 0) return static_cast<double>(count.divisor);
      return count.include_pad ? static_cast<double>(s.kh * s.kw) : inside[o];  // without ceil_mode no window overhangs
    };
    for_each_tap(s, [&](std::size_t o, index_t plane, index_t i) {
      dx_expected[static_cast<std::size_t>(plane * s.h * s.w + i)] += dy[o] / divisor(o);
    });
    std::vector<double> y(outputs), dx(inputs, NAN);
    kernels::avg_pool2d<double>(cpu_device, s, count, x.data(), y.data());
    kernels::avg_pool2d_backward<double>(cpu_device, s, count, dy.data(), dx.data());
    for (std::size_t o = 0; o < outputs; ++o) CHECK(std::abs(y[o] - sum[o] / divisor(o)) < 1e-14);
    double largest = 0;
    for (std::size_t i = 0; i < inputs; ++i) largest = std::fmax(largest, std::abs(dx[i] - dx_expected[i]));
    CHECK(largest < 1e-13);
  }
}

TEST_CASE("a NaN wins a maximum, and a plane of minus infinities has its first place") {
  const kernels::Pool2dShape s{1, 2, 2, 1, 1, 2, 2, 1, 1, 0, 0};
  float y = 0;
  index_t index = -1;
  const std::vector<float> with_nan = {3, NAN, 5, 4}, low(4, -INFINITY);
  kernels::max_pool2d<float>(cpu_device, s, with_nan.data(), &y, &index);
  CHECK(std::isnan(y));
  CHECK(index == 1);
  kernels::max_pool2d<float>(cpu_device, s, low.data(), &y, &index);
  CHECK(y == -INFINITY);
  CHECK(index == 0);
}

TEST_CASE("a window whose taps all lie in the padding has a maximum of minus infinity, from no place") {
  const kernels::Pool2dShape s{1, 1, 2, 1, 2, 2, 1, 1, 1, 1, 0, 2, 1};
  const std::vector<float> x = {3, 4}, dy = {1, 1};
  std::vector<float> y(2, 7), dx(2, 7);
  std::vector<index_t> index(2, 7);
  kernels::max_pool2d<float>(cpu_device, s, x.data(), y.data(), index.data());
  CHECK(y == std::vector<float>(2, -INFINITY));
  CHECK(index == std::vector<index_t>(2, -1));
  kernels::max_pool2d_backward<float>(cpu_device, s, dy.data(), index.data(), dx.data());
  CHECK(dx == std::vector<float>(2, 0));
  kernels::max_pool2d_pick<float>(cpu_device, s, x.data(), index.data(), y.data());
  CHECK(y == std::vector<float>(2, 0));
}

TEST_CASE("averages of two-byte floats are summed in float") {
  const kernels::Pool2dShape s{1, 16, 16, 1, 1, 16, 16, 1, 1, 0, 0};
  const std::vector<bf16> x(256, bf16(1.f));  // 256 is where a sum in bf16 stops growing
  bf16 y;
  kernels::avg_pool2d<bf16>(cpu_device, s, {}, x.data(), &y);
  CHECK(static_cast<float>(y) == 1);
}

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <limn/core/random.hpp>
#include <limn_kernels/conv2d.hpp>

#include <support/naive_conv2d.hpp>

using namespace limn;
using test::for_each_product;

namespace {

std::vector<double> random_values(index_t count, Generator& generator) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& v : values) v = static_cast<float>(generator.uniform() * 2 - 1);
  return values;
}

/// The largest difference, in units of the rounding of one product of numbers below 1; infinite where bits depend on
/// the number of threads.
template <class T, class Run>
double largest_error(const std::vector<double>& expected, Run&& run) {
  std::vector<std::vector<T>> results;
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    std::vector<T> result(expected.size(), static_cast<T>(std::nanf("")));  // overwritten, not added to
    run(result.data());
    results.push_back(result);
  }
  for (const auto& other : results)
    if (std::memcmp(other.data(), results[0].data(), expected.size() * sizeof(T)) != 0) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(static_cast<double>(results[0][i]) - expected[i]);
    if (!(error <= largest)) largest = std::isnan(error) ? INFINITY : error;
  }
  return largest;
}

template <class T>
void check(kernels::Conv2dShape s, Generator& generator, double unit, bool by_panels = false) {
  s.winograd = kernels::Winograd::off;  // winograd_test.cpp has its errors
  INFO("n " << s.n << " c " << s.c << " h " << s.h << " w " << s.w << " oc " << s.oc << " kernel " << s.kh << " "
            << s.kw << " out " << s.oh << " " << s.ow << " stride " << s.stride_h << " " << s.stride_w << " pad "
            << s.pad_top << " " << s.pad_left << " dilation " << s.dilation_h << " " << s.dilation_w << " groups "
            << s.groups);
  const auto x = random_values(s.n * s.c * s.h * s.w, generator), w = random_values(s.oc * s.field(), generator);
  const auto b = random_values(s.oc, generator), dy = random_values(s.n * s.oc * s.oh * s.ow, generator);
  const std::vector<T> tx(x.begin(), x.end()), tw(w.begin(), w.end()), tb(b.begin(), b.end()),
      tdy(dy.begin(), dy.end());
  std::vector<double> y(dy.size()), dx(x.size()), dw(w.size());
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = b[i / static_cast<std::size_t>(s.oh * s.ow) % b.size()];
  for_each_product(s, [&](std::size_t ix, std::size_t iw, std::size_t iy) {
    y[iy] += x[ix] * w[iw];
    dx[ix] += dy[iy] * w[iw];
    dw[iw] += dy[iy] * x[ix];
  });
  const auto sums = [](index_t count) { return static_cast<double>(count + 2); };
  CHECK(largest_error<T>(y, [&](T* to) {
          if (by_panels)
            kernels::cpu::conv2d_panels<T>(s, tx.data(), tw.data(), tb.data(), -INFINITY, to);
          else
            kernels::conv2d_forward<T>(cpu_device, s, tx.data(), tw.data(), tb.data(), to);
        }) <= unit * sums(s.field()));
  CHECK(largest_error<T>(dx, [&](T* to) {
          kernels::conv2d_data_gradient<T>(cpu_device, s, tdy.data(), tw.data(), to);
        }) <= unit * sums(s.outputs() * s.kh * s.kw));
  CHECK(largest_error<T>(dx, [&](T* to) {
          if (kernels::cpu::conv2d_pays_data_columns<T>(s))  // the way that was not taken
            kernels::cpu::conv2d_data_gradient<T>(s, tdy.data(), tw.data(), to);
          else
            kernels::cpu::conv2d_data_gradient_columns<T>(s, tdy.data(), tw.data(), to);
        }) <= unit * sums(s.outputs() * s.kh * s.kw));
  CHECK(largest_error<T>(dw, [&](T* to) {
          kernels::conv2d_weight_gradient<T>(cpu_device, s, tx.data(), tdy.data(), to);
        }) <= unit * sums(s.n * s.oh * s.ow));
}

kernels::Conv2dShape with_outputs(kernels::Conv2dShape s) {
  s.oh = (s.h + 2 * s.pad_top - s.dilation_h * (s.kh - 1) - 1) / s.stride_h + 1;
  s.ow = (s.w + 2 * s.pad_left - s.dilation_w * (s.kw - 1) - 1) / s.stride_w + 1;
  return s;
}

/// Any option, any size up to `largest`, where a kernel fits.
kernels::Conv2dShape random_shape(Generator& generator, index_t largest, bool depthwise) {
  while (true) {
    const auto pick = [&](index_t most) { return 1 + static_cast<index_t>(generator.below(most)); };
    const index_t groups = depthwise ? pick(9) : pick(3), channels = depthwise ? 1 : pick(9),
                  outputs = depthwise ? pick(2) : pick(9);
    const kernels::Conv2dShape s =
        with_outputs({pick(3), groups * channels, pick(largest), pick(largest), groups * outputs, pick(5), pick(5), 0,
                      0, pick(3), pick(3), pick(4) - 1, pick(4) - 1, pick(3), pick(3), groups});
    const bool fits =
        s.h + 2 * s.pad_top >= s.dilation_h * (s.kh - 1) + 1 && s.w + 2 * s.pad_left >= s.dilation_w * (s.kw - 1) + 1;
    if (fits) return s;
  }
}

}  // namespace

TEST_CASE("conv2d and its two gradients agree with the sum over all products, whatever the options and threads") {
  Generator generator(11);
  for (int trial = 0; trial < 60; ++trial) {
    const kernels::Conv2dShape s = random_shape(generator, trial % 4 == 0 ? 40 : 12, trial % 3 == 0);
    check<float>(s, generator, 1.2e-7);
    if (trial % 3 == 1) check<double>(s, generator, 2.3e-16);
  }
}

TEST_CASE("conv2d agrees where a group fills several blocks of rows, depth and pixels") {
  Generator generator(12);
  check<float>(with_outputs({1, 70, 9, 11, 180, 3, 3, 0, 0, 1, 1, 1, 1}), generator, 1.2e-7);
  check<float>(with_outputs({5, 3, 31, 37, 18, 7, 7, 0, 0, 2, 2, 3, 3}), generator, 1.2e-7);
  check<float>(with_outputs({1, 200, 5, 7, 340, 1, 1, 0, 0, 1, 1, 0, 0}), generator, 1.2e-7);
  check<float>(with_outputs({2, 6, 61, 67, 6, 3, 3, 0, 0, 1, 1, 1, 1, 1, 1, 6}), generator,
               1.2e-7);  // depthwise, long planes
  check<float>(with_outputs({1, 2, 3, 2200, 2, 1, 5, 0, 0, 1, 2, 0, 2, 1, 1, 2}), generator, 1.2e-7);
}

TEST_CASE(
    "conv2d agrees where patches are copied to panels, of one image and of several, and where dots are left over") {
  Generator generator(15);
  const std::vector<kernels::Conv2dShape> shapes{
      {5, 70, 14, 14, 60, 3, 3, 0, 0, 2, 2, 1, 1},            // 7 x 7 outputs; channels in two blocks
      {5, 130, 13, 15, 300, 3, 3, 0, 0, 2, 2, 1, 1},          // its gradient: outputs in blocks, images in two sets
      {3, 120, 9, 8, 40, 2, 1, 0, 0, 3, 2, 0, 1},             // a stride beyond the kernel
      {4, 20, 9, 11, 67, 5, 5, 0, 0, 1, 1, 2, 2},             // vectors across rows and images
      {3, 40, 7, 7, 130, 1, 1, 0, 0, 1, 1, 0, 0},             // x where it lies, 49 pixels an image
      {2, 700, 5, 13, 70, 1, 1, 0, 0, 1, 1, 0, 0},            // two blocks of channels, dots
      {2, 576, 24, 24, 20, 1, 1, 0, 0, 1, 1, 0, 0},           // in place, in several bands
      {1, 16, 29, 23, 50, 3, 3, 0, 0, 2, 2, 0, 1},            // one image
      {1, 64, 30, 30, 64, 7, 7, 0, 0, 1, 1, 3, 3},            // in several bands
      {3, 36, 12, 10, 96, 3, 2, 0, 0, 2, 1, 1, 1, 2, 2, 2}};  // groups, dilation
  for (const kernels::Conv2dShape& s : shapes) check<float>(with_outputs(s), generator, 1.2e-7, true);
  check<double>(with_outputs(shapes[0]), generator, 2.3e-16, true);
  check<double>(with_outputs(shapes[2]), generator, 2.3e-16, true);
  for (int trial = 0; trial < 30; ++trial) check<float>(random_shape(generator, 20, false), generator, 1.2e-7, true);
}

TEST_CASE("conv2d: 1 x 1 with a stride, and kernels as large as the image") {
  Generator generator(16);
  for (const index_t stride : {2, 3})
    for (const index_t size : {1, 7, 18, 33})
      check<float>(with_outputs({3, 20, size, size + 2, 24, 1, 1, 0, 0, stride, 2, 0, 0, 1, 1, size == 18 ? 2 : 1}),
                   generator, 1.2e-7);
  check<float>({2, 6, 7, 15, 5, 1, 1, 4, 9, 2, 2, 0, 0}, generator, 1.2e-7);  // padded on the right alone
  check<float>({2, 6, 7, 15, 5, 1, 1, 5, 5, 2, 3, 0, 0}, generator, 1.2e-7);  // and below
  check<float>(with_outputs({9, 6, 5, 4, 30, 5, 4, 0, 0, 1, 1, 0, 0}), generator, 1.2e-7);
  check<double>(with_outputs({4, 3, 6, 6, 10, 6, 6, 0, 0, 2, 2, 0, 0}), generator, 2.3e-16);
  check<float>(with_outputs({7, 1, 3, 3, 5, 3, 3, 0, 0, 1, 1, 0, 0}), generator, 1.2e-7);
}

TEST_CASE("conv2d: 5 and 7 rows of taps over planes of every width, stride 1 and 2, with a multiplier") {
  Generator generator(18);
  for (index_t size = 1; size <= 70; size += size < 36 ? 1 : 9)
    for (const index_t stride : {1, 2}) {
      const index_t taps = size % 2 == 0 ? 5 : 7, high = 1 + size % 23;
      check<float>(with_outputs({2, 3, high, size, size % 5 == 0 ? 6 : 3, taps, taps, 0, 0, stride, stride, taps / 2,
                                 taps / 2, 1, 1, 3}),
                   generator, 1.2e-7);
      if (size > 8 && high > 6)
        check<float>(with_outputs({1, 2, high, size, 2, taps, 3, 0, 0, stride, stride, size % 4, size % 3, 1, 1, 2}),
                     generator, 1.2e-7);
    }
  check<double>(with_outputs({2, 3, 17, 21, 3, 5, 5, 0, 0, 2, 2, 2, 2, 1, 1, 3}), generator, 2.3e-16);
}

TEST_CASE("conv2d: depthwise squares of 3, 5 and 7, whatever is padded on each side") {
  Generator generator(20);
  const auto pick = [&](index_t most) { return static_cast<index_t>(generator.below(most)); };
  for (int trial = 0; trial < 120; ++trial) {
    const index_t taps = 3 + 2 * pick(3), stride = 1 + pick(2), groups = trial % 3 == 0 ? 6 + pick(14) : 1 + pick(3);
    const index_t h = 1 + pick(70), w = 1 + pick(70);
    const index_t top = pick(taps + 1), left = pick(taps + 1), high = h + top + pick(taps + 1),
                  wide = w + left + pick(taps + 1);
    if (high < taps || wide < taps) continue;
    const kernels::Conv2dShape s{1 + pick(2),
                                 groups,
                                 h,
                                 w,
                                 groups * (1 + pick(2)),
                                 taps,
                                 taps,
                                 (high - taps) / stride + 1,
                                 (wide - taps) / stride + 1,
                                 stride,
                                 stride,
                                 top,
                                 left,
                                 1,
                                 1,
                                 groups};
    check<float>(s, generator, 1.2e-7);
    if (trial % 4 == 0) check<double>(s, generator, 2.3e-16);
  }
}

TEST_CASE("conv2d: depthwise planes of many channels that a cache does not keep") {
  Generator generator(22);
  for (const index_t stride : {1, 2}) {
    check<float>(with_outputs({1, 9, 90, 150, 9, 5, 5, 0, 0, stride, stride, 2, 2, 1, 1, 9}), generator, 1.2e-7);
    check<float>(with_outputs({1, 8, 41, 600, 8, 7, 7, 0, 0, stride, stride, 0, 3, 1, 1, 8}), generator, 1.2e-7);
  }
}

TEST_CASE("conv2d: groups of a few channels, which fill vectors, whatever the options") {
  Generator generator(23);
  const auto pick = [&](index_t most) { return 1 + static_cast<index_t>(generator.below(most)); };
  for (int trial = 0; trial < 60; ++trial) {
    const index_t vector = trial % 4 == 0 ? 4 : 8, groups = 1 + pick(3), largest = trial % 3 == 0 ? 45 : 15;
    kernels::Conv2dShape s{pick(3),
                           groups * vector * pick(4),
                           pick(largest),
                           pick(largest),
                           groups * vector * pick(4),
                           pick(5),
                           pick(5),
                           0,
                           0,
                           pick(3),
                           pick(3),
                           pick(4) - 1,
                           pick(4) - 1,
                           pick(2),
                           pick(2),
                           groups};
    const index_t high = s.h + 2 * s.pad_top - s.dilation_h * (s.kh - 1),
                  wide = s.w + s.pad_left + pick(3) - s.dilation_w * (s.kw - 1);
    if (high < 1 || wide < 1) continue;
    s.oh = (high - 1) / s.stride_h + 1;
    s.ow = (wide - 1) / s.stride_w + 1;
    check<float>(s, generator, 1.2e-7);
  }
  check<float>(with_outputs({1, 16, 70, 211, 24, 3, 3, 0, 0, 1, 1, 1, 1, 1, 1, 2}), generator, 1.2e-7);  // bands
  check<float>(with_outputs({2, 48, 90, 67, 64, 3, 3, 0, 0, 2, 2, 1, 1, 1, 1, 2}), generator, 1.2e-7);
}

TEST_CASE("conv2d: an image without pixels has a weight gradient of zeros") {
  const kernels::Conv2dShape s = with_outputs({2, 3, 4, 0, 3, 3, 3, 0, 0, 1, 1, 2, 2, 1, 1, 3});
  const std::vector<float> x(1), dy(static_cast<std::size_t>(s.n * s.oc * s.oh * s.ow), 1.f);
  std::vector<float> dw(27, 1.f);
  kernels::conv2d_weight_gradient<float>(cpu_device, s, x.data(), dy.data(), dw.data());
  CHECK(dw == std::vector<float>(27));
}

TEST_CASE("conv2d: ReLU and the largest of 2 x 2 pixels, whatever the way") {
  Generator generator(19);
  const std::vector<kernels::Conv2dShape> shapes{{2, 3, 9, 9, 4, 3, 3, 0, 0, 1, 1, 1, 1},             // direct
                                                 {3, 40, 7, 7, 130, 1, 1, 0, 0, 1, 1, 0, 0},          // panels
                                                 {2, 20, 9, 9, 24, 1, 1, 0, 0, 2, 2, 0, 0},           // thinned out
                                                 {3, 4, 5, 5, 6, 5, 5, 0, 0, 1, 1, 0, 0},             // whole images
                                                 {2, 4, 12, 12, 4, 3, 3, 0, 0, 1, 1, 1, 1, 1, 1, 4},  // depthwise
                                                 {2, 4, 12, 12, 4, 5, 5, 0, 0, 1, 1, 2, 2, 1, 1, 4},
                                                 {2, 4, 12, 12, 8, 4, 2, 0, 0, 1, 1, 2, 2, 1, 1, 4}};
  for (const kernels::Conv2dShape& shape : shapes) {
    const kernels::Conv2dShape s = with_outputs(shape);
    const auto floats = [&](index_t count) {
      const std::vector<double> values = random_values(count, generator);
      return std::vector<float>(values.begin(), values.end());
    };
    const auto x = floats(s.n * s.c * s.h * s.w), w = floats(s.oc * s.field()), b = floats(s.oc);
    std::vector<float> plain(static_cast<std::size_t>(s.n * s.oc * s.oh * s.ow)), fused = plain;
    kernels::conv2d_forward<float>(cpu_device, s, x.data(), w.data(), b.data(), plain.data());
    for (float& v : plain) v = std::max(v, 0.f);
    kernels::conv2d_forward<float>(cpu_device, s, x.data(), w.data(), b.data(), fused.data(), {.relu = true});
    CHECK(fused == plain);
    if (s.oh < 2 || s.ow < 2) continue;
    const index_t oh = s.oh / 2, ow = s.ow / 2;
    std::vector<float> pooled(static_cast<std::size_t>(s.n * s.oc * oh * ow)), wanted = pooled;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto at = static_cast<index_t>(i);
      const float* corner = plain.data() + (at / (oh * ow) * s.oh + at / ow % oh * 2) * s.ow + at % ow * 2;
      wanted[i] = std::max({corner[0], corner[1], corner[s.ow], corner[s.ow + 1]});
    }
    kernels::conv2d_forward<float>(cpu_device, s, x.data(), w.data(), b.data(), pooled.data(),
                                   {.relu = true, .max_pool = true});
    CHECK(pooled == wanted);
  }
}

TEST_CASE("conv2d: x laid out by a stride of 2, whatever the width and padding") {
  Generator generator(17);
  for (index_t size = 3; size <= 70; size += size < 36 ? 1 : 9)
    for (const index_t kernel : {2, 3})
      check<float>(with_outputs({1, 2, 4, size, 5, kernel, kernel, 0, 0, 2, 2, size % 3, size % 4}), generator, 1.2e-7);
}

TEST_CASE("conv2d: 3 x 3 depthwise planes of every width around the vectors', stride 1 and 2, with a multiplier") {
  Generator generator(14);
  for (index_t size = 1; size <= 70; size += size < 20 ? 1 : 5)
    for (const index_t stride : {1, 2})
      check<float>(
          with_outputs({2, 3, 1 + size % 7, size, size % 3 == 0 ? 6 : 3, 3, 3, 0, 0, stride, stride, 1, 1, 1, 1, 3}),
          generator, 1.2e-7);
  check<double>(with_outputs({2, 3, 9, 21, 3, 3, 3, 0, 0, 1, 1, 1, 1, 1, 1, 3}), generator, 2.3e-16);
  for (index_t size = 1; size <= 18; ++size)  // rows end to end in the lanes
    for (const index_t stride : {1, 2})
      check<float>(with_outputs({3, 2, size, size, 2, 3, 3, 0, 0, stride, stride, 1, 1, 1, 1, 2}), generator, 1.2e-7);
  for (const index_t size : {72, 112, 127, 128, 129})
    for (const index_t high : {1, 2, 9, 40})
      check<float>(with_outputs({2, 2, high, size, 4, 3, 3, 0, 0, 1, 1, 1, 1, 1, 1, 2}), generator, 1.2e-7);
  check<float>(with_outputs({1, 2, 70, 300, 2, 3, 3, 0, 0, 1, 1, 1, 1, 1, 1, 2}), generator, 1.2e-7);  // bands of rows
  check<float>(with_outputs({1, 2, 129, 260, 2, 3, 3, 0, 0, 2, 2, 1, 1, 1, 1, 2}), generator, 1.2e-7);
}

TEST_CASE("conv2d: depthwise planes of rows of 7 and of 14, few channels and many, whatever is padded above") {
  Generator generator(21);
  for (const index_t stride : {1, 2})
    for (const index_t wide : {7, 14})
      for (const index_t taps : {3, 5, 7})
        for (const index_t channels : {3, 11, 12, 16, 17, 45})
          for (const index_t high : {1, 2, 5, 7, 14, 16, 17}) {
            const index_t top = (channels + high) % taps, all = high + top + (channels * high) % taps;
            if (all < taps) continue;
            check<float>({1 + high % 3, channels, high, wide, channels, taps, taps, (all - taps) / stride + 1,
                          (wide - 1) / stride + 1, stride, stride, top, taps / 2, 1, 1, channels},
                         generator, 1.2e-7);
          }
  check<float>(with_outputs({2, 24, 7, 7, 48, 5, 5, 0, 0, 1, 1, 2, 2, 1, 1, 24}), generator, 1.2e-7);  // a multiplier
  check<double>(with_outputs({2, 20, 7, 7, 20, 7, 7, 0, 0, 1, 1, 3, 3, 1, 1, 20}), generator, 2.3e-16);
}

TEST_CASE("conv2d: depthwise planes keep what is not finite to the outputs that read it") {
  Generator generator(16);
  const auto check_reads = [&](index_t channels, index_t size, index_t taps, index_t stride) {
    const index_t pad = taps / 2, field = taps * taps;
    const kernels::Conv2dShape s =
        with_outputs({1, channels, size, size, channels, taps, taps, 0, 0, stride, stride, pad, pad, 1, 1, channels});
    const auto values = random_values(s.c * s.h * s.w, generator), weights = random_values(s.oc * field, generator);
    std::vector<float> x(values.begin(), values.end()), w(weights.begin(), weights.end());
    std::vector<float> y(static_cast<std::size_t>(s.oc * s.oh * s.ow));
    const index_t row = size / 2, column = size / 3;
    x[static_cast<std::size_t>(row * size + column)] = INFINITY;
    x[static_cast<std::size_t>((size + row) * size + column)] = NAN;
    kernels::conv2d_forward<float>(cpu_device, s, x.data(), w.data(), nullptr, y.data(), {.relu = true});
    index_t wrong = 0;
    for (index_t i = 0; i < s.oc * s.oh * s.ow; ++i) {
      const index_t plane = i / (s.oh * s.ow), oy = i / s.ow % s.oh * stride, ox = i % s.ow * stride;
      const bool reads = plane < 2 && std::abs(oy - row) <= pad && std::abs(ox - column) <= pad;
      const float value = y[static_cast<std::size_t>(i)];
      const float tap =
          w[static_cast<std::size_t>(plane * field + (reads ? (row - oy + pad) * taps + column - ox + pad : 0))];
      const bool is_nan = reads && plane == 1, is_infinite = reads && !is_nan && tap > 0;
      wrong += std::isnan(value) != is_nan || std::isinf(value) != is_infinite || value < 0;
    }
    CAPTURE(size);
    CAPTURE(taps);
    CAPTURE(stride);
    CHECK(wrong == 0);
  };
  for (const index_t stride : {1, 2}) {
    for (const index_t size : {4, 7, 14, 21, 40}) check_reads(2, size, 3, stride);
    for (const index_t size : {7, 14, 19, 40})
      for (const index_t taps : {3, 5, 7}) check_reads(20, size, taps, stride);
  }
}

TEST_CASE("conv2d: strides as large as the kernel, kernels that skip pixels, gradients of every remainder") {
  Generator generator(15);
  check<float>(with_outputs({2, 3, 64, 48, 20, 16, 16, 0, 0, 16, 16, 0, 0}), generator, 1.2e-7);  // patches
  check<float>(with_outputs({2, 5, 17, 23, 20, 1, 1, 0, 0, 3, 2, 0, 0}), generator, 1.2e-7);
  check<float>(with_outputs({1, 4, 33, 40, 9, 2, 3, 0, 0, 4, 5, 1, 2, 3, 1}), generator, 1.2e-7);
  check<float>(with_outputs({3, 32, 16, 16, 40, 1, 1, 0, 0, 1, 1, 0, 0}), generator, 1.2e-7);  // planes of 2^8
  check<float>(with_outputs({1, 512, 6, 7, 30, 1, 1, 0, 0, 1, 1, 0, 0}), generator, 1.2e-7);   // weights of 2^9
  check<float>(with_outputs({5, 9, 20, 19, 12, 3, 3, 0, 0, 2, 2, 1, 1}), generator, 1.2e-7);   // images side by side
  check<float>(with_outputs({23, 8, 7, 6, 12, 5, 3, 0, 0, 2, 1, 2, 0, 1, 1, 2}), generator, 1.2e-7);
  check<float>(with_outputs({1, 2, 5, 96, 17, 3, 3, 0, 0, 1, 1, 1, 1}), generator, 1.2e-7);  // tiles along the rows
}

TEST_CASE("conv2d: 1 x 1 and patches as matrix products, tiles of one vector at the ends of rows and planes") {
  Generator generator(17);
  check<float>(with_outputs({2, 330, 9, 9, 40, 1, 1, 0, 0, 1, 1, 0, 0}), generator, 1.2e-7);
  check<float>(with_outputs({5, 40, 7, 7, 70, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 2}), generator, 1.2e-7);
  check<float>(with_outputs({2, 64, 14, 14, 30, 1, 1, 0, 0, 1, 1, 0, 0}), generator, 1.2e-7);
  check<float>(with_outputs({3, 32, 7, 7, 9, 1, 1, 0, 0, 1, 1, 0, 0}), generator, 1.2e-7);  // 49 pixels: 48 and one
  check<float>(with_outputs({1, 96, 6, 17, 66, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 2}), generator, 1.2e-7);
  check<double>(with_outputs({2, 32, 5, 5, 9, 1, 1, 0, 0, 1, 1, 0, 0}), generator, 2.3e-16);
  check<float>(with_outputs({2, 6, 12, 15, 10, 2, 3, 0, 0, 2, 3, 0, 0, 1, 1, 2}), generator, 1.2e-7);
  check<double>(with_outputs({2, 6, 12, 15, 10, 2, 3, 0, 0, 2, 3, 0, 0, 1, 1, 2}), generator, 2.3e-16);
  check<float>(with_outputs({1, 3, 40, 40, 33, 4, 20, 0, 0, 4, 20, 0, 0}), generator, 1.2e-7);
  for (const index_t width : {16, 30, 31, 33, 47, 48, 49, 70, 112})
    check<float>(with_outputs({1, 3, 6, width, 17, 3, 3, 0, 0, 1, width % 2 + 1, 1, 1}), generator, 1.2e-7);
  for (int trial = 0; trial < 12; ++trial) {
    const auto pick = [&](index_t most) { return 1 + static_cast<index_t>(generator.below(most)); };
    const index_t groups = pick(2), kernel = trial % 2 == 0 ? 1 : pick(5);
    check<float>(with_outputs({pick(3), groups * pick(70), kernel * pick(14), kernel * pick(14), groups * pick(70),
                               kernel, kernel, 0, 0, kernel, kernel, 0, 0, 1, 1, groups}),
                 generator, 1.2e-7);
  }
}

TEST_CASE("conv2d: results too large for the caches are the same bits as their parts") {
  Generator generator(19);
  const kernels::Conv2dShape whole = with_outputs({1, 2, 9, 2048, 1024, 3, 3, 0, 0, 1, 1, 1, 1}),
                             part = with_outputs({1, 2, 9, 2048, 256, 3, 3, 0, 0, 1, 1, 1, 1});
  const auto x = random_values(whole.c * whole.h * whole.w, generator),
             w = random_values(whole.oc * whole.field(), generator);
  const std::vector<float> tx(x.begin(), x.end()), tw(w.begin(), w.end());
  const std::size_t pixels = static_cast<std::size_t>(whole.oh * whole.ow);
  std::vector<float> room(1024 * pixels + 16), expected(256 * pixels);
  float* y = room.data();
  while (reinterpret_cast<std::uintptr_t>(y) % 64 != 0) ++y;
  kernels::Conv2dShape large = whole, small = part;
  large.winograd = small.winograd = kernels::Winograd::off;
  kernels::set_thread_count(2);
  kernels::conv2d_forward<float>(cpu_device, large, tx.data(), tw.data(), nullptr, y);
  for (index_t o = 0; o < 1024; o += 256) {
    kernels::conv2d_forward<float>(cpu_device, small, tx.data(), tw.data() + o * whole.field(), nullptr,
                                   expected.data());
    CHECK(std::memcmp(expected.data(), y + static_cast<std::size_t>(o) * pixels, expected.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("conv2d: ReLU as part of every way forward") {
  Generator generator(18);
  for (const kernels::Conv2dShape& s :
       {with_outputs({2, 330, 9, 9, 40, 1, 1, 0, 0, 1, 1, 0, 0}), with_outputs({2, 5, 9, 9, 7, 3, 3, 0, 0, 2, 2, 1, 1}),
        with_outputs({2, 3, 7, 7, 3, 3, 3, 0, 0, 1, 1, 1, 1, 1, 1, 3}),
        with_outputs({2, 3, 20, 40, 3, 3, 3, 0, 0, 2, 2, 1, 1, 1, 1, 3}),
        with_outputs({2, 3, 9, 8, 6, 5, 5, 0, 0, 1, 1, 2, 2, 1, 1, 3})}) {
    const auto x = random_values(s.n * s.c * s.h * s.w, generator), w = random_values(s.oc * s.field(), generator),
               b = random_values(s.oc, generator);
    const std::vector<float> tx(x.begin(), x.end()), tw(w.begin(), w.end()), tb(b.begin(), b.end());
    std::vector<float> plain(static_cast<std::size_t>(s.n * s.oc * s.oh * s.ow)), positive(plain.size());
    kernels::conv2d_forward<float>(cpu_device, s, tx.data(), tw.data(), tb.data(), plain.data());
    kernels::conv2d_forward<float>(cpu_device, s, tx.data(), tw.data(), tb.data(), positive.data(), {.relu = true});
    index_t wrong = 0;
    for (std::size_t i = 0; i < plain.size(); ++i) wrong += positive[i] != std::max(plain[i], 0.f);
    CHECK(wrong == 0);
  }
}

TEST_CASE("conv2d of two-byte floats is summed in float and rounded once") {
  Generator generator(13);
  const kernels::Conv2dShape s = with_outputs({2, 4, 6, 5, 6, 3, 3, 0, 0, 1, 1, 1, 1, 1, 1, 2});
  const auto narrow = [&](index_t count) {
    std::vector<bf16> values;
    for (const double v : random_values(count, generator)) values.emplace_back(static_cast<float>(v));
    return values;
  };
  const auto wide = [](const std::vector<bf16>& values) { return std::vector<float>(values.begin(), values.end()); };
  const auto x = narrow(s.n * s.c * s.h * s.w), w = narrow(s.oc * s.field()), b = narrow(s.oc);
  const auto wx = wide(x), ww = wide(w), wb = wide(b);
  std::vector<bf16> y(static_cast<std::size_t>(s.n * s.oc * s.oh * s.ow));
  std::vector<float> expected(y.size());
  kernels::conv2d_forward<bf16>(cpu_device, s, x.data(), w.data(), b.data(), y.data());
  kernels::conv2d_forward<float>(cpu_device, s, wx.data(), ww.data(), wb.data(), expected.data());
  std::size_t different = 0;
  for (std::size_t i = 0; i < y.size(); ++i) different += y[i].bits != bf16(expected[i]).bits;
  CHECK(different == 0);
}

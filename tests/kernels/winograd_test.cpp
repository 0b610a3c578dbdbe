#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include <limn/core/random.hpp>
#include <limn_kernels/conv2d.hpp>

using namespace limn;
using kernels::Winograd;

namespace {

std::vector<float> random_values(index_t count, Generator& generator) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = static_cast<float>(generator.uniform() * 2 - 1);
  return values;
}

/// Calls body(x index, weight index, y index) for every product.
template <class Body>
void for_each_product(const kernels::Conv2dShape& s, Body&& body) {
  for (index_t n = 0; n < s.n; ++n)
    for (index_t o = 0; o < s.oc; ++o)
      for (index_t c = 0; c < s.channels(); ++c)
        for (index_t t = 0; t < 9; ++t) {
          const index_t channel = o / s.outputs() * s.channels() + c;
          for (index_t oy = 0; oy < s.oh; ++oy) {
            const index_t iy = oy - s.pad_top + t / 3;
            if (iy < 0 || iy >= s.h) continue;
            for (index_t ox = 0; ox < s.ow; ++ox) {
              const index_t ix = ox - s.pad_left + t % 3;
              if (ix < 0 || ix >= s.w) continue;
              body(static_cast<std::size_t>(((n * s.c + channel) * s.h + iy) * s.w + ix),
                   static_cast<std::size_t>((o * s.channels() + c) * 9 + t),
                   static_cast<std::size_t>(((n * s.oc + o) * s.oh + oy) * s.ow + ox));
            }
          }
        }
}

struct Errors {
  double y = 0, dx = 0, dw = 0;
};

/// The largest error over the largest magnitude; infinite where bits depend on the number of threads.
template <class Run>
double relative_error(const std::vector<double>& expected, Run&& run) {
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    std::vector<float> result(expected.size(), std::nanf(""));  // overwritten, not added to
    run(result.data());
    results.push_back(result);
  }
  for (const auto& other : results)
    if (std::memcmp(other.data(), results[0].data(), expected.size() * sizeof(float)) != 0) return INFINITY;
  double largest = 0, error = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(static_cast<double>(results[0][i]) - expected[i]);
    if (!(difference <= error)) error = std::isnan(difference) ? INFINITY : difference;
    largest = std::max(largest, std::abs(expected[i]));
  }
  return largest > 0 ? error / largest : error;
}

kernels::Conv2dShape shape(index_t n, index_t c, index_t h, index_t w, index_t oc, index_t pad_top, index_t pad_left,
                           index_t groups = 1) {
  return {n, c, h, w, oc, 3, 3, h + 2 * pad_top - 2, w + 2 * pad_left - 2, 1, 1, pad_top, pad_left, 1, 1, groups};
}

Errors errors_of(kernels::Conv2dShape s, Winograd mode, Generator& generator) {
  s.winograd = mode;
  const auto x = random_values(s.n * s.c * s.h * s.w, generator), w = random_values(s.oc * s.field(), generator),
             b = random_values(s.oc, generator), dy = random_values(s.n * s.oc * s.oh * s.ow, generator);
  std::vector<double> y(dy.size()), dx(x.size()), dw(w.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = static_cast<double>(b[i / static_cast<std::size_t>(s.oh * s.ow) % b.size()]);
  for_each_product(s, [&](std::size_t ix, std::size_t iw, std::size_t iy) {
    y[iy] += static_cast<double>(x[ix]) * static_cast<double>(w[iw]);
    dx[ix] += static_cast<double>(dy[iy]) * static_cast<double>(w[iw]);
    dw[iw] += static_cast<double>(dy[iy]) * static_cast<double>(x[ix]);
  });
  return {relative_error(
              y, [&](float* to) { kernels::conv2d_forward<float>(cpu_device, s, x.data(), w.data(), b.data(), to); }),
          relative_error(
              dx, [&](float* to) { kernels::conv2d_data_gradient<float>(cpu_device, s, dy.data(), w.data(), to); }),
          relative_error(
              dw, [&](float* to) { kernels::conv2d_weight_gradient<float>(cpu_device, s, x.data(), dy.data(), to); })};
}

void check(const kernels::Conv2dShape& s, Winograd mode, Generator& generator) {
  INFO("n " << s.n << " c " << s.c << " h " << s.h << " w " << s.w << " oc " << s.oc << " pad " << s.pad_top << " "
            << s.pad_left << " groups " << s.groups);
  const Errors e = errors_of(s, mode, generator);
  const double bound = mode == Winograd::f4 ? 5e-6 : 3e-5;
  CHECK(e.y <= bound);
  CHECK(e.dx <= bound);
  CHECK(e.dw <= bound);
}

}  // namespace

TEST_CASE(
    "Winograd: F(4, 3) is right to 5e-6 and F(6, 3) to 3e-5 of the largest value, whatever the sizes and threads") {
  Generator generator(21);
  const auto pick = [&](index_t most) { return 1 + static_cast<index_t>(generator.below(most)); };
  for (int trial = 0; trial < 24; ++trial) {
    const index_t groups = trial % 5 == 0 ? 2 : 1, side = trial % 3 == 0 ? 70 : 20;
    kernels::Conv2dShape s = shape(pick(3), groups * (7 + pick(63)), pick(side), pick(side), groups * (7 + pick(63)),
                                   pick(4) - 1, pick(4) - 1, groups);
    while (s.oh < 1 || s.ow < 1) s = shape(s.n, s.c, s.h, s.w, s.oc, s.pad_top + 1, s.pad_left + 1, groups);
    while (s.c * s.oc * s.oh * s.ow * s.n > 6000000) s = shape(1, s.c, s.h / 2 + 3, s.w / 2 + 3, s.oc, 1, 1, groups);
    check(s, trial % 4 == 3 ? Winograd::f6 : Winograd::f4, generator);
  }
}

TEST_CASE("Winograd: many channels, few tiles; few channels, many tiles; uneven padding") {
  Generator generator(22);
  check(shape(1, 300, 9, 7, 130, 1, 1), Winograd::f4, generator);   // outputs in the lanes, weights in passing
  check(shape(9, 200, 15, 13, 40, 1, 1), Winograd::f4, generator);  // several blocks of them
  check(shape(2, 20, 66, 130, 24, 1, 1), Winograd::f4, generator);  // positions in the lanes
  check(shape(1, 24, 37, 41, 20, 1, 1), Winograd::f6, generator);
  check(shape(2, 16 * 9, 20, 18, 16 * 10, 1, 1, 16), Winograd::f4, generator);  // groups on threads of their own
  kernels::Conv2dShape s = shape(2, 24, 18, 21, 32, 1, 1);
  s.oh += 2, s.ow -= 1;  // more at the bottom, less at the right
  check(s, Winograd::f4, generator);
}

TEST_CASE("Winograd: weights transformed beforehand give the same bits, and are none where the algorithm is not used") {
  Generator generator(24);
  for (int trial = 0; trial < 20; ++trial) {
    const auto pick = [&](index_t most) { return 1 + static_cast<index_t>(generator.below(most)); };
    const index_t groups = trial % 5 == 0 ? 2 : 1;
    // One block of tiles (weights transformed in passing) and several.
    kernels::Conv2dShape s = shape(pick(2), groups * (9 + pick(61)), 2 + pick(trial % 2 ? 12 : 50), 2 + pick(40),
                                   groups * (9 + pick(61)), 1, 1, groups);
    s.winograd = trial % 4 == 3 ? Winograd::f6 : Winograd::f4;
    const auto x = random_values(s.n * s.c * s.h * s.w, generator), w = random_values(s.oc * s.field(), generator),
               b = random_values(s.oc, generator);
    const kernels::PackedConv2d<float> packed(s, w.data());
    CHECK_FALSE(packed.empty());
    std::vector<float> plain(static_cast<std::size_t>(s.n * s.oc * s.oh * s.ow)), prepared;
    kernels::set_thread_count(1);
    kernels::conv2d_forward<float>(cpu_device, s, x.data(), w.data(), b.data(), plain.data(), {.relu = true});
    for (const int threads : {1, 2, 7}) {
      kernels::set_thread_count(threads);
      prepared.assign(plain.size(), std::nanf(""));
      kernels::conv2d_forward<float>(cpu_device, s, x.data(), w.data(), b.data(), prepared.data(), {.relu = true},
                                     &packed);
      CHECK(std::memcmp(plain.data(), prepared.data(), plain.size() * sizeof(float)) == 0);
    }
    kernels::Conv2dShape other = s;
    other.winograd = s.winograd == Winograd::f4 ? Winograd::f6 : Winograd::f4;
    CHECK(packed.group(other, 0) == nullptr);
  }
  const std::vector<float> w(64 * 64 * 9, 1.F);
  kernels::Conv2dShape s = shape(1, 64, 20, 20, 64, 1, 1);
  s.winograd = Winograd::off;
  CHECK(kernels::PackedConv2d<float>(s, w.data()).empty());
  s.winograd = Winograd::f4;
  s.stride_h = 2;
  CHECK(kernels::PackedConv2d<float>(s, w.data()).empty());
}

TEST_CASE("Winograd: switched off, 3 x 3 convolutions are summed directly") {
  Generator generator(23);
  const Errors direct = errors_of(shape(1, 64, 20, 20, 64, 1, 1), Winograd::off, generator);
  const Errors f4 = errors_of(shape(1, 64, 20, 20, 64, 1, 1), Winograd::f4, generator);
  CHECK(direct.y < 1e-6);
  CHECK(direct.y < f4.y);
}

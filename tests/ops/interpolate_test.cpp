#include "support/op_case.hpp"

#include <limn/ops/interpolate.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

/// Where output i reads, by the definition (scale: inputs an output).
double place(index_t i, index_t n, index_t out, bool align_corners) {
  const double di = static_cast<double>(i), dn = static_cast<double>(n), dout = static_cast<double>(out);
  if (align_corners) return out > 1 ? di * (dn - 1) / (dout - 1) : 0;
  return (di + 0.5) * dn / dout - 0.5;
}

/// The weight of input j for output i: linear hats, or Keys' cubic (a = -0.75) with the edges repeated.
double weight(Interpolation mode, double at, index_t j, index_t n) {
  if (mode == Interpolation::linear) {
    at = std::min(std::max(at, 0.0), static_cast<double>(n - 1));
    return std::max(0.0, 1 - std::abs(at - static_cast<double>(j)));
  }
  double sum = 0;
  for (index_t tap = -3; tap < n + 3; ++tap) {
    if (std::min(std::max<index_t>(tap, 0), n - 1) != j) continue;
    const double d = std::abs(at - static_cast<double>(tap));
    if (d < 1)
      sum += 1.25 * d * d * d - 2.25 * d * d + 1;
    else if (d < 2)
      sum += -0.75 * d * d * d + 3.75 * d * d - 6 * d + 3;
  }
  return sum;
}

/// Images [N, C, H, W] by the full double sum over all inputs.
test::Reference naive(Interpolation mode, index_t oh, index_t ow, bool align_corners = false) {
  return [=](const Inputs<double>& in) {
    const Tensor<double>& x = in[0];
    Tensor<double> y = zeros<double>({x.size(0), x.size(1), oh, ow});
    for (index_t n = 0; n < x.size(0); ++n)
      for (index_t c = 0; c < x.size(1); ++c)
        for (index_t oy = 0; oy < oh; ++oy)
          for (index_t ox = 0; ox < ow; ++ox)
            for (index_t iy = 0; iy < x.size(2); ++iy)
              for (index_t ix = 0; ix < x.size(3); ++ix)
                y.at({n, c, oy, ox}) += weight(mode, place(oy, x.size(2), oh, align_corners), iy, x.size(2)) *
                                        weight(mode, place(ox, x.size(3), ow, align_corners), ix, x.size(3)) *
                                        x.at({n, c, iy, ix});
    return y;
  };
}

void check(const char* what, const Shape& shape, const InterpolateOptions& o,
           const test::Reference& reference = nullptr) {
  check_op(
      "interpolate", what, {shape}, [o](const auto& in) { return interpolate(in[0], o); }, reference);
}

std::vector<float> row(std::vector<float> values, const InterpolateOptions& o) {
  const auto n = static_cast<index_t>(values.size());
  return to_vector(interpolate(from<float>(std::move(values), {1, 1, n}), o));
}

}  // namespace

TEST_CASE("interpolate agrees with the full sum over all inputs, up and down, odd and non-square") {
  using enum Interpolation;
  check("bilinear up", {2, 1, 4, 5}, {.size = {9, 7}, .mode = bilinear}, naive(linear, 9, 7));
  check("bilinear down", {1, 2, 7, 6}, {.size = {3, 4}, .mode = bilinear}, naive(linear, 3, 4));
  check("bilinear, corners aligned", {1, 1, 4, 5}, {.size = {9, 1}, .mode = bilinear, .align_corners = true},
        naive(linear, 9, 1, true));
  check("bicubic up", {1, 1, 4, 3}, {.size = {7, 8}, .mode = bicubic}, naive(cubic, 7, 8));
  check("bicubic down", {1, 2, 7, 6}, {.size = {3, 2}, .mode = bicubic}, naive(cubic, 3, 2));
  check("bicubic, corners aligned", {1, 1, 4, 5}, {.size = {6, 3}, .mode = bicubic, .align_corners = true},
        naive(cubic, 6, 3, true));
  check("nearest", {1, 2, 3, 5}, {.size = {7, 2}});
  check("nearest_exact", {1, 1, 3, 5}, {.size = {7, 2}, .mode = nearest_exact});
  check("antialiased bilinear", {1, 1, 9, 7}, {.size = {3, 4}, .mode = bilinear, .antialias = true});
  check("antialiased bicubic, one axis enlarged", {1, 1, 9, 4}, {.size = {4, 7}, .mode = bicubic, .antialias = true});
  check("by factors", {1, 1, 5, 4}, {.scale_factor = {1.7, 0.6}, .mode = bilinear});
  check("a line", {2, 3, 5}, {.size = {8}, .mode = linear});
  check("a volume", {1, 2, 3, 2, 4}, {.size = {2, 4, 5}, .mode = linear});
}

TEST_CASE("nearest takes element floor(i n / out), nearest_exact the one under the centre") {
  CHECK(row({1, 2, 3}, {.size = {5}}) == std::vector<float>{1, 1, 2, 2, 3});
  CHECK(row({1, 2, 3, 4, 5}, {.size = {2}}) == std::vector<float>{1, 3});
  CHECK(row({1, 2, 3, 4, 5}, {.size = {2}, .mode = Interpolation::nearest_exact}) == std::vector<float>{2, 4});
}

TEST_CASE("a scale_factor steps by 1 / factor, recomputed by the ratio of the extents") {
  // 5 * 1.5 = 7.5 -> 7 outputs.
  CHECK(row({0, 1, 2, 3, 4}, {.scale_factor = {1.5}}) == std::vector<float>{0, 0, 1, 2, 2, 3, 4});
  const std::vector<float> given = row({0, 1, 2, 3, 4}, {.scale_factor = {1.5}, .mode = Interpolation::linear});
  const std::vector<float> ratio =
      row({0, 1, 2, 3, 4}, {.scale_factor = {1.5}, .mode = Interpolation::linear, .recompute_scale_factor = true});
  REQUIRE(given.size() == 7);
  CHECK(given[3] == doctest::Approx(3.5 / 1.5 - 0.5));
  CHECK(ratio[3] == doctest::Approx(3.5 * 5 / 7 - 0.5));
  CHECK(ratio == row({0, 1, 2, 3, 4}, {.size = {7}, .mode = Interpolation::linear}));
}

TEST_CASE("antialiased shrinking averages under a widened filter, enlarging is as without") {
  // Two outputs of four: triangles of half-width 2 around 1 and 3, cut at the edges and normalised.
  const std::vector<float> y = row({1, 0, 0, 0}, {.size = {2}, .mode = Interpolation::linear, .antialias = true});
  CHECK(y[0] == doctest::Approx(0.75 / (0.75 + 0.75 + 0.25)));
  CHECK(y[1] == 0);
  const InterpolateOptions up{.size = {7}, .mode = Interpolation::linear},
      up_antialiased{.size = {7}, .mode = Interpolation::linear, .antialias = true};
  const std::vector<float> a = row({1, 2, 0, 3}, up), b = row({1, 2, 0, 3}, up_antialiased);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]));
  for (const float v : row(std::vector<float>(11, 1.f), {.size = {3}, .mode = Interpolation::cubic, .antialias = true}))
    CHECK(v == doctest::Approx(1));
}

TEST_CASE("interpolate in bf16 sums in float and rounds once for each axis") {
  const Tensor<bf16> x = from<bf16>({bf16(1.f), bf16(2.f), bf16(4.f)}, {1, 1, 3});
  const Tensor<bf16> y = interpolate(x, {.size = {2}, .mode = Interpolation::linear});
  CHECK(static_cast<float>(y.at({0, 0, 0})) == 1.25f);
  CHECK(static_cast<float>(y.at({0, 0, 1})) == 3.5f);
}

TEST_CASE("interpolate says what came and what it wanted") {
  const Tensor<float> x = zeros({1, 1, 4, 4});
  CHECK_THROWS_WITH_AS((void)interpolate(zeros({4, 4}), {.size = {2}}),
                       "interpolate: x has shape [4, 4] but must be [N, C, L], [N, C, H, W] or [N, C, D, H, W]", Error);
  CHECK_THROWS_WITH_AS((void)interpolate(x, {}), "interpolate: give either size or scale_factor", Error);
  CHECK_THROWS_WITH_AS((void)interpolate(x, {.size = {2, 2}, .scale_factor = {2}}),
                       "interpolate: give either size or scale_factor", Error);
  CHECK_THROWS_WITH_AS((void)interpolate(x, {.size = {2}}),
                       "interpolate: size [2] must have 2 extents for x of shape [1, 1, 4, 4]", Error);
  CHECK_THROWS_WITH_AS((void)interpolate(x, {.size = {0, 2}}),
                       "interpolate: cannot resize axis 2 of x of shape [1, 1, 4, 4] to 0", Error);
  CHECK_THROWS_WITH_AS((void)interpolate(x, {.scale_factor = {-1}}), "interpolate: scale_factor -1 must be positive",
                       Error);
  CHECK_THROWS_WITH_AS((void)interpolate(x, {.scale_factor = {1, 2, 3}}),
                       "interpolate: scale_factor has 3 values but x of shape [1, 1, 4, 4] has 2 spatial axes", Error);
  CHECK_THROWS_WITH_AS((void)interpolate(x, {.size = {2, 2}, .align_corners = true}),
                       "interpolate: align_corners needs mode linear or cubic", Error);
  CHECK_THROWS_WITH_AS((void)interpolate(x, {.size = {2, 2}, .antialias = true}),
                       "interpolate: antialias needs mode linear or cubic", Error);
}

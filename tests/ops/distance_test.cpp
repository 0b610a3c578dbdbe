#include "support/op_case.hpp"

#include <limn/ops/distance.hpp>

using namespace limn;
using test::check_op;

TEST_CASE("norms of order 1, 2, 3 and infinity; the 2-norm of zero has gradient zero") {
  for (const double p : {1.0, 2.0, 3.0, 0.5, std::numeric_limits<double>::infinity()})
    check_op("norm", "of rows", {{3, 5}}, [&](const auto& in) { return norm(in[0], 1, {.p = p}); }, nullptr,
             {.low = 0.2, .high = 2});
  check_op("norm", "of all", {{3, 2}}, [](const auto& in) { return norm(in[0]); });
  check_op("norm", "kept", {{3, 2}}, [](const auto& in) { return norm(in[0], {0}, {.keepdim = true}); });
  auto x = zeros({3}).requires_grad_();
  CHECK(to_vector(grad(norm(x), {x})[0]) == std::vector<float>{0, 0, 0});
  CHECK(norm(from<float>({3, 4}, {2})).item() == doctest::Approx(5));
}

TEST_CASE("normalize divides by the norm of each row, and by eps where that is smaller") {
  for (const double p : {1.0, 2.0, 3.0})
    for (const index_t axis : {index_t{0}, index_t{1}, index_t{-1}})
      check_op("div", "normalize", {{3, 4, 2}},
               [&](const auto& in) { return normalize(in[0], {.p = p, .axis = axis}); }, nullptr,
               {.low = 0.2, .high = 2});
  CHECK(to_vector(normalize(from<float>({3, 4, 0, 0}, {2, 2}))) == std::vector<float>{0.6f, 0.8f, 0, 0});
  auto zero = zeros({1, 3}).requires_grad_();
  for (const float g : to_vector(grad(normalize(zero, {.eps = 0.5}), {zero}, {.dy = {ones({1, 3})}})[0]))
    CHECK(g == 2.f);
}

TEST_CASE("cosine_similarity broadcasts and is 1 for parallel vectors") {
  check_op(
      "sum", "cosine of rows", {{3, 5}, {3, 5}}, [](const auto& in) { return cosine_similarity(in[0], in[1]); },
      [](const test::Inputs<double>& in) {
        Tensor<double> y(Shape{3});
        for (index_t n = 0; n < 3; ++n) {
          double ab = 0, aa = 0, bb = 0;
          for (index_t i = 0; i < 5; ++i) {
            const double a = in[0].at({n, i}), b = in[1].at({n, i});
            ab += a * b, aa += a * a, bb += b * b;
          }
          y.data()[n] = ab / std::sqrt(aa * bb);
        }
        return y;
      });
  check_op("sum", "cosine, broadcast", {{3, 1, 5}, {4, 5}},
           [](const auto& in) { return cosine_similarity(in[0], in[1], {.axis = -1}); });
  CHECK(cosine_similarity(from<float>({1, 2}, {1, 2}), from<float>({2, 4}, {1, 2})).item() == doctest::Approx(1));
  CHECK(cosine_similarity(zeros({1, 2}), ones({1, 2})).item() == 0.f);
}

TEST_CASE("pairwise_distance is the norm of the difference") {
  check_op("norm", "pairwise", {{3, 5}, {3, 5}}, [](const auto& in) { return pairwise_distance(in[0], in[1]); });
  check_op("norm", "kept", {{3, 5}, {5}},
           [](const auto& in) { return pairwise_distance(in[0], in[1], {.p = 1, .keepdim = true}); });
  CHECK(pairwise_distance(from<float>({3, 4}, {1, 2}), zeros({1, 2})).item() == doctest::Approx(5));
}

#include "support/op_case.hpp"

#include <limn/ops/matmul.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {

const auto product = [](const auto& in) { return matmul(in[0], in[1]); };

/// Matrices [m, k] and [k, n].
Tensor<double> naive(const Inputs<double>& in) {
  const index_t m = in[0].size(0), k = in[0].size(1), n = in[1].size(1);
  Tensor<double> y = zeros<double>({m, n});
  for (index_t i = 0; i < m; ++i)
    for (index_t j = 0; j < n; ++j)
      for (index_t p = 0; p < k; ++p) y.at({i, j}) += in[0].at({i, p}) * in[1].at({p, j});
  return y;
}

/// a [2, 3, m, k], b [3, k, n].
Tensor<double> naive_batch(const Inputs<double>& in) {
  Tensor<double> y = zeros<double>({2, 3, in[0].size(2), in[1].size(2)});
  for (index_t u = 0; u < 2; ++u)
    for (index_t v = 0; v < 3; ++v)
      for (index_t i = 0; i < y.size(2); ++i)
        for (index_t j = 0; j < y.size(3); ++j)
          for (index_t p = 0; p < in[0].size(3); ++p)
            y.at({u, v, i, j}) += in[0].at({u, v, i, p}) * in[1].at({v, p, j});
  return y;
}

}  // namespace

TEST_CASE("matmul multiplies matrices of any size, transposed views included") {
  check_op("matmul", "5x3 3x4", {{5, 3}, {3, 4}}, product, naive);
  check_op("matmul", "wider than a tile", {{17, 5}, {5, 37}}, product, naive);
  check_op("matmul", "of transposed views", {{3, 5}, {4, 3}},
           [](const auto& in) { return matmul(transpose(in[0]), transpose(in[1])); });
  check_op("matmul", "nothing to add up", {{2, 0}, {0, 3}}, product, naive);
}

TEST_CASE("matmul broadcasts batches as NumPy does") {
  check_op("matmul", "batch of matrices", {{2, 3, 4, 2}, {3, 2, 5}}, product, naive_batch);
  check_op("matmul", "one matrix for a batch", {{2, 3, 4}, {4, 2}}, product);
  check_op("matmul", "a batch times one matrix on the left", {{3, 4}, {2, 4, 2}}, product);
  check_op("matmul", "extent 1 against 3", {{1, 2, 4}, {3, 4, 2}}, product);
}

TEST_CASE("matmul drops the axis of an operand of rank 1") {
  check_op("matmul", "vector times vector", {{4}, {4}}, product);
  check_op("matmul", "vector times batch", {{4}, {2, 4, 3}}, product);
  check_op("matmul", "batch times vector", {{2, 3, 4}, {4}}, product);
  CHECK_THROWS_WITH_AS((void)matmul(zeros({2, 3}), zeros({4, 5})),
                       "matmul: a of shape [2, 3] has 3 columns but b of shape [4, 5] has 4 rows", Error);
  CHECK_THROWS_AS((void)matmul(scalar(1.f), zeros({4})), Error);
}

TEST_CASE("linear is x w^T + b over the last axis") {
  const auto layer = [](const auto& in) { return linear(in[0], in[1], in.size() > 2 ? in[2] : decltype(in[0] + 0){}); };
  check_op("linear", "with bias", {{2, 3, 4}, {5, 4}, {5}}, layer);
  check_op("linear", "of a vector", {{4}, {5, 4}}, layer);
  check_op("linear", "of a matrix, one output", {{3, 4}, {1, 4}, {1}}, layer);
  check_op("linear", "of nothing", {{0, 4}, {5, 4}, {5}}, layer);
  check_op("linear", "of more than a tile", {{37, 19}, {35, 19}, {35}}, layer);
  CHECK_THROWS_WITH_AS((void)linear(zeros({2, 3}), zeros({5, 4})),
                       "linear: x of shape [2, 3] does not end in the 4 inputs of w [5, 4]", Error);
}

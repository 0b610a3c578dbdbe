#include "support/op_case.hpp"

#include <limn/ops/norm.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {
/// x as [outer, inner], each row of `inner` normalised, by the definition; then weight and bias of each element or
/// none.
test::Reference naive_rows(index_t rows, double eps) {
  return [=](const Inputs<double>& in) {
    Tensor<double> y(in[0].shape());
    const index_t n = y.numel() / rows;
    for (index_t r = 0; r < rows; ++r) {
      double mean = 0, variance = 0;
      for (index_t i = 0; i < n; ++i) mean += in[0].data()[r * n + i] / static_cast<double>(n);
      for (index_t i = 0; i < n; ++i)
        variance += (in[0].data()[r * n + i] - mean) * (in[0].data()[r * n + i] - mean) / static_cast<double>(n);
      for (index_t i = 0; i < n; ++i) {
        double v = (in[0].data()[r * n + i] - mean) / std::sqrt(variance + eps);
        if (in.size() > 1) v *= in[1].data()[i];
        if (in.size() > 2) v += in[2].data()[i];
        y.data()[r * n + i] = v;
      }
    }
    return y;
  };
}
}  // namespace

TEST_CASE("layer_norm normalises the last dimensions, with weight, bias, both or neither") {
  check_op(
      "layer_norm", "plain", {{4, 7}}, [](const auto& in) { return layer_norm(in[0], {7}); }, naive_rows(4, 1e-5));
  check_op(
      "layer_norm", "weight", {{4, 7}, {7}}, [](const auto& in) { return layer_norm(in[0], {7}, in[1]); },
      naive_rows(4, 1e-5));
  check_op(
      "layer_norm", "both, more than a vector", {{3, 37}, {37}, {37}},
      [](const auto& in) { return layer_norm(in[0], {37}, in[1], in[2]); }, naive_rows(3, 1e-5));
  check_op(
      "layer_norm", "two dimensions", {{2, 3, 4, 5}, {4, 5}, {4, 5}},
      [](const auto& in) {
        return layer_norm(in[0], {4, 5}, in[1], in[2], {.eps = 1e-3});
      },
      naive_rows(6, 1e-3));
  check_op(
      "layer_norm", "everything", {{2, 3}, {2, 3}},
      [](const auto& in) {
        return layer_norm(in[0], {2, 3}, in[1]);
      },
      naive_rows(1, 1e-5));
  CHECK_THROWS_WITH_AS((void)layer_norm(zeros({2, 3}), {2}), "layer_norm: x of shape [2, 3] does not end in [2]",
                       Error);
  CHECK_THROWS_WITH_AS((void)layer_norm(zeros({2, 3}), {3}, ones({2})),
                       "layer_norm: weight has shape [2] but must have shape [3]", Error);
}

TEST_CASE("group_norm normalises groups of channels; instance_norm each channel of each item") {
  check_op(
      "layer_norm", "groups of two", {{2, 4, 3}}, [](const auto& in) { return group_norm(in[0], 2); },
      naive_rows(4, 1e-5));
  check_op("layer_norm", "one group, affine", {{2, 4, 3, 2}, {4}, {4}},
           [](const auto& in) { return group_norm(in[0], 1, in[1], in[2]); });
  check_op(
      "layer_norm", "instance", {{2, 3, 4, 2}}, [](const auto& in) { return instance_norm(in[0]); },
      naive_rows(6, 1e-5));
  check_op("layer_norm", "instance, affine", {{2, 3, 5}, {3}, {3}},
           [](const auto& in) { return instance_norm(in[0], in[1], in[2], {}, {}, {.eps = 1e-3}); });
  CHECK_THROWS_WITH_AS((void)group_norm(zeros({2, 5, 3}), 2), "group_norm: 5 channels cannot be split into 2 groups",
                       Error);
  const auto m = zeros({2}), v = ones({2});
  const auto x = from<float>({1, 3, 2, 2, 5, 5, 0, 4}, {2, 2, 2});
  (void)instance_norm(x, {}, {}, m, v, {.momentum = 0.5});
  CHECK(to_vector(m) == std::vector<float>{0.5f * 3.5f, 0.5f * 2});  // the mean over items of (2, 5) and (2, 2)
  CHECK(to_vector(v) == std::vector<float>{0.5f + 0.5f * 1, 0.5f + 0.5f * 4});
}

TEST_CASE("batch_norm normalises each channel over the batch") {
  const auto by_channel = [](index_t n, index_t c, index_t inner) {
    return [=](const Inputs<double>& in) {
      // Channel first, so that every channel is a row.
      Inputs<double> turned = {Tensor<double>({c, n * inner})};
      for (index_t b = 0; b < n; ++b)
        for (index_t k = 0; k < c; ++k)
          for (index_t i = 0; i < inner; ++i)
            turned[0].data()[(k * n + b) * inner + i] = in[0].data()[(b * c + k) * inner + i];
      const Tensor<double> rows = naive_rows(c, 1e-5)(turned);
      Tensor<double> y(in[0].shape());
      for (index_t b = 0; b < n; ++b)
        for (index_t k = 0; k < c; ++k)
          for (index_t i = 0; i < inner; ++i)
            y.data()[(b * c + k) * inner + i] =
                rows.data()[(k * n + b) * inner + i] * (in.size() > 1 ? in[1].data()[k] : 1) +
                (in.size() > 2 ? in[2].data()[k] : 0);
      return y;
    };
  };
  const BatchNormOptions training{.training = true};
  check_op(
      "batch_norm", "images, affine", {{3, 4, 2, 5}, {4}, {4}},
      [&](const auto& in) { return batch_norm(in[0], in[1], in[2], {}, {}, training); }, by_channel(3, 4, 10));
  check_op(
      "batch_norm", "images, plain", {{3, 2, 3, 3}},
      [&](const auto& in) { return batch_norm(in[0], {}, {}, {}, {}, training); }, by_channel(3, 2, 9));
  check_op(
      "batch_norm", "rows", {{6, 5}, {5}, {5}},
      [&](const auto& in) { return batch_norm(in[0], in[1], in[2], {}, {}, training); }, by_channel(6, 5, 1));
  check_op(
      "batch_norm", "sequences, without statistics to run", {{3, 2, 7}, {2}},
      [&](const auto& in) { return batch_norm(in[0], in[1], {}, {}, {}, {}); }, by_channel(3, 2, 7));
  check_op("batch_norm", "evaluation", {{3, 4, 5}, {4}, {4}}, [&](const auto& in) {
    using T = typename std::decay_t<decltype(in[0])>::value_type;
    return batch_norm(in[0], in[1], in[2], from<T>({T(0.5), T(-1), T(0), T(0.25)}, {4}),
                      from<T>({T(1), T(2), T(0.5), T(0.25)}, {4}));
  });
}

TEST_CASE("training folds the batch into the running statistics, with the unbiased variance") {
  const auto m = zeros({1}), v = ones({1});
  const auto x = from<float>({1, 2, 3, 6}, {4, 1});
  (void)batch_norm(x, {}, {}, m, v, {.training = true, .momentum = 0.25});
  CHECK(m.at({0}) == doctest::Approx(0.25 * 3));
  CHECK(v.at({0}) == doctest::Approx(0.75 + 0.25 * 14.0 / 3));
  const auto before = to_vector(m);
  CHECK(batch_norm(x, {}, {}, m, v, {}).at({0, 0}) ==
        doctest::Approx((1 - 0.75) / std::sqrt(0.75 + 0.25 * 14.0 / 3 + 1e-5)));
  CHECK(to_vector(m) == before);  // evaluation changes nothing
}

TEST_CASE("batch_norm says what is wrong") {
  CHECK_THROWS_WITH_AS((void)batch_norm(zeros({1, 3}), {}, {}, {}, {}, {.training = true}),
                       "batch_norm: x of shape [1, 3] has 1 values a channel; the batch statistics need 2", Error);
  CHECK_THROWS_WITH_AS((void)batch_norm(zeros({3}), {}, {}, {}, {}),
                       "batch_norm: x has shape [3] but must be [N, C, ...]", Error);
  CHECK_THROWS_WITH_AS((void)batch_norm(zeros({2, 3}), {}, {}, zeros({3}), {}),
                       "batch_norm: needs both running_mean and running_var, or neither", Error);
}

TEST_CASE("rms_norm divides by the root mean square") {
  check_op("rsqrt", "rms_norm", {{3, 5}, {5}}, [](const auto& in) { return rms_norm(in[0], in[1]); });
  CHECK(rms_norm(from<float>({3, 4}, {1, 2}), {}, {.eps = 0}).at({0, 0}) == doctest::Approx(3 / std::sqrt(12.5)));
}

TEST_CASE("two-byte layer_norm is computed in float") {
  const auto y = layer_norm(from<bf16>({bf16(1.f), bf16(3.f)}, {1, 2}), {2});
  CHECK(static_cast<float>(y.at({0, 0})) == doctest::Approx(-1).epsilon(0.01));
}

#include "support/op_case.hpp"

#include <limn/ops/softmax.hpp>

using namespace limn;
using test::check_op;
using test::Inputs;

namespace {
/// softmax along axis a of a tensor seen as [outer, axis, inner], by the definition.
test::Reference naive(index_t outer, index_t axis, index_t inner, bool logarithm, double sign = 1) {
  return [=](const Inputs<double>& in) {
    Tensor<double> y(in[0].shape());
    for (index_t o = 0; o < outer; ++o)
      for (index_t i = 0; i < inner; ++i) {
        double sum = 0;
        const auto at = [&](index_t k) { return (o * axis + k) * inner + i; };
        for (index_t k = 0; k < axis; ++k) sum += std::exp(sign * in[0].data()[at(k)]);
        for (index_t k = 0; k < axis; ++k) {
          const double p = std::exp(sign * in[0].data()[at(k)]) / sum;
          y.data()[at(k)] = logarithm ? std::log(p) : p;
        }
      }
    return y;
  };
}
const test::CaseOptions wide{.low = -3, .high = 3};
}  // namespace

TEST_CASE("softmax and log_softmax run along any axis") {
  check_op(
      "softmax", "one row", {{5}}, [](const auto& in) { return softmax(in[0]); }, naive(1, 5, 1, false), wide);
  check_op(
      "softmax", "last axis", {{3, 19}}, [](const auto& in) { return softmax(in[0], -1); }, naive(3, 19, 1, false),
      wide);
  check_op(
      "softmax", "first axis", {{4, 3}}, [](const auto& in) { return softmax(in[0], 0); }, naive(1, 4, 3, false), wide);
  check_op(
      "softmax", "middle axis", {{2, 3, 7}}, [](const auto& in) { return softmax(in[0], 1); }, naive(2, 3, 7, false),
      wide);
  check_op(
      "softmax", "axis of length 1", {{3, 1}}, [](const auto& in) { return softmax(in[0]); }, naive(3, 1, 1, false),
      wide);
  check_op(
      "softmax", "empty", {{0, 4}}, [](const auto& in) { return softmax(in[0]); }, naive(0, 4, 1, false), wide);
  check_op(
      "softmax", "softmin", {{3, 4}}, [](const auto& in) { return softmin(in[0]); }, naive(3, 4, 1, false, -1), wide);
  check_op(
      "log_softmax", "one row", {{5}}, [](const auto& in) { return log_softmax(in[0]); }, naive(1, 5, 1, true), wide);
  check_op(
      "log_softmax", "last axis", {{3, 19}}, [](const auto& in) { return log_softmax(in[0]); }, naive(3, 19, 1, true),
      wide);
  check_op(
      "log_softmax", "middle axis", {{2, 3, 7}}, [](const auto& in) { return log_softmax(in[0], 1); },
      naive(2, 3, 7, true), wide);
  check_op(
      "log_softmax", "empty", {{0, 4}}, [](const auto& in) { return log_softmax(in[0]); }, naive(0, 4, 1, true), wide);
  CHECK_THROWS_WITH_AS((void)softmax(zeros({4}), 3), "softmax: axis 3 is out of range for x of shape [4]", Error);
}

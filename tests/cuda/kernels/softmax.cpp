// softmax and log_softmax on the GPU against plain loops in double.

#include <limn_kernels/softmax.hpp>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

TEST_CASE_TEMPLATE(
    "softmax and log_softmax: rows longer than a block, a middle axis, an axis of 1, and their gradients", T, float,
    double) {
  if (!have_device()) return;
  for (const kernels::SoftmaxShape s :
       {kernels::SoftmaxShape{5, 300, 1}, {2, 7, 3}, {1, 1, 4}, {0, 4, 1}, {1, 33, 1}}) {
    const auto count = static_cast<std::size_t>(s.outer * s.axis * s.inner);
    const auto x = values(s.outer * s.axis * s.inner, 31), dy = values(s.outer * s.axis * s.inner, 37);
    std::vector<double> y(count), log_y(count), dx(count), log_dx(count);
    for (index_t row = 0; row < s.outer * s.inner; ++row) {
      const auto at = [&](index_t i) {
        return static_cast<std::size_t>(row / s.inner * s.axis * s.inner + row % s.inner + i * s.inner);
      };
      double sum = 0, dot = 0, total = 0;
      for (index_t i = 0; i < s.axis; ++i) sum += std::exp(x[at(i)]);
      for (index_t i = 0; i < s.axis; ++i) {
        y[at(i)] = std::exp(x[at(i)]) / sum;
        log_y[at(i)] = x[at(i)] - std::log(sum);
        dot += y[at(i)] * dy[at(i)];
        total += dy[at(i)];
      }
      for (index_t i = 0; i < s.axis; ++i) {
        dx[at(i)] = y[at(i)] * (dy[at(i)] - dot);
        log_dx[at(i)] = dy[at(i)] - y[at(i)] * total;
      }
    }
    const Buffer<T> at_x(x), at_y(y), at_log_y(log_y), at_dy(dy);
    const double close = 4 * tolerance<T>;
    expect<T>(y, close, [&](T* out) { cuda::softmax_forward<T>(s, at_x.data(), out); });
    expect<T>(log_y, close, [&](T* out) { cuda::log_softmax_forward<T>(s, at_x.data(), out); });
    expect<T>(dx, close, [&](T* out) { cuda::softmax_backward<T>(s, at_y.data(), at_dy.data(), out); });
    expect<T>(log_dx, 4 * close, [&](T* out) { cuda::log_softmax_backward<T>(s, at_log_y.data(), at_dy.data(), out); });
  }
}

}  // namespace
}  // namespace limn::test

#include <doctest/doctest.h>

#include <cstring>

#include <limn/core/create.hpp>
#include <limn/core/random.hpp>
#include <limn/ops/conv2d_relu.hpp>

using namespace limn;

namespace {

template <class T>
bool same_bits(const Tensor<T>& a, const Tensor<T>& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.numel()) * sizeof(T)) == 0;
}

template <class T>
void check(const Shape& x_shape, const Shape& w_shape, const Conv2dOptions& options, Generator& generator) {
  INFO("x " << x_shape << " w " << w_shape);
  const Tensor<T> x = uniform<T>(x_shape, generator, -1, 1), w = uniform<T>(w_shape, generator, -1, 1),
                  b = uniform<T>({w_shape[0]}, generator, -1, 1);
  const Tensor<T> y = relu(conv2d(x, w, b, options));
  CHECK(same_bits(conv2d_relu(x, w, b, options), y));
  CHECK(same_bits(conv2d_relu_max_pool2d(x, w, b, options), max_pool2d(y, 2)));
  CHECK(same_bits(conv2d_relu(x, w, Tensor<T>(), options), relu(conv2d(x, w, Tensor<T>(), options))));
}

}  // namespace

TEST_CASE("conv2d_relu and conv2d_relu_max_pool2d have the bits of the operations one after the other") {
  Generator generator(31);
  const auto off = kernels::Winograd::off, f6 = kernels::Winograd::f6;
  check<float>({2, 16, 19, 23}, {24, 16, 3, 3}, {.padding = 1}, generator);  // Winograd, odd sizes
  check<float>({1, 20, 40, 64}, {17, 20, 3, 3}, {.padding = 1}, generator);
  check<float>({1, 20, 31, 30}, {20, 20, 3, 3}, {.padding = 1, .winograd = f6}, generator);
  check<float>({2, 16, 19, 23}, {24, 16, 3, 3}, {.padding = 1, .winograd = off}, generator);
  check<float>({2, 3, 21, 22}, {8, 3, 5, 3}, {.stride = 2, .padding = 2}, generator);
  check<float>({2, 6, 12, 9}, {6, 1, 3, 3}, {.padding = 1, .groups = 6}, generator);
  check<float>({1, 12, 8, 9}, {10, 12, 1, 1}, {}, generator);
  check<double>({1, 16, 12, 11}, {16, 16, 3, 3}, {.padding = 1}, generator);
}

TEST_CASE("conv2d_relu keeps a NaN") {
  Generator generator(32);
  for (const index_t channels : {2, 16}) {  // directly, and by Winograd
    Tensor<float> x = uniform<float>({1, channels, 16, 16}, generator, -1, 1);
    const Tensor<float> w = uniform<float>({channels, channels, 3, 3}, generator, -1, 1);
    x.at({0, 1, 5, 6}) = NAN;
    const Tensor<float> y = conv2d_relu(x, w, {}, {.padding = 1}),
                        pooled = conv2d_relu_max_pool2d(x, w, {}, {.padding = 1});
    CHECK(std::isnan(y.at({0, 0, 5, 6})));
    CHECK(std::isnan(conv2d(x, w, {}, {.padding = 1}).at({0, 0, 5, 6})));
    CHECK(std::isnan(pooled.at({0, 0, 2, 3})));
    CHECK_FALSE(std::isnan(y.at({0, 0, 12, 1})));
  }
}

TEST_CASE("conv2d_relu_max_pool2d has the gradient of its three operations where one is recorded") {
  Generator generator(33);
  Tensor<double> w = uniform<double>({3, 2, 3, 3}, generator, -1, 1);
  const Tensor<double> x = uniform<double>({1, 2, 6, 6}, generator, -1, 1);
  w.requires_grad_();
  const Tensor<double> fused = conv2d_relu_max_pool2d(x, w), apart = max_pool2d(relu(conv2d(x, w)), 2);
  CHECK(fused.requires_grad());
  CHECK(same_bits(fused, apart));
  const NoGradGuard no_grad;
  CHECK_FALSE(conv2d_relu_max_pool2d(x, w).requires_grad());
}

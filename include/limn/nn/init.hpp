#pragma once
// Initial values of parameters (torch.nn.init). Each returns a new leaf that requires a gradient.

#include <cmath>

#include <limn/autograd/node.hpp>
#include <limn/core/create.hpp>
#include <limn/core/random.hpp>

namespace limn::inline LIMN_ABI::nn {

template <class T = float>
[[nodiscard]] Tensor<T> parameter(Tensor<T> values) {
  values.requires_grad_();
  return values;
}

/// Inputs and outputs of one unit of a weight [out, in, kernel...].
struct Fans {
  index_t in, out;
};
[[nodiscard]] inline Fans fans(const Shape& shape) {
  if (shape.rank() < 2) fail("init", "a weight of shape ", shape, " has no inputs and outputs");
  const index_t field = shape[0] * shape[1] > 0 ? shape.numel() / (shape[0] * shape[1]) : 0;
  return {shape[1] * field, shape[0] * field};
}

/// Uniform within +-1/sqrt(fan_in): PyTorch's default for linear and convolution layers, weight and bias alike.
template <class T = float>
[[nodiscard]] Tensor<T> fan_in_uniform(const Shape& shape, index_t fan_in, Generator& generator) {
  const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
  return parameter(uniform<T>(shape, generator, -bound, bound));
}

/// Glorot and Bengio 2010.
template <class T = float>
[[nodiscard]] Tensor<T> xavier_uniform(const Shape& shape, Generator& generator, double gain = 1) {
  const Fans f = fans(shape);
  const double bound = gain * std::sqrt(6.0 / static_cast<double>(f.in + f.out));
  return parameter(uniform<T>(shape, generator, -bound, bound));
}
template <class T = float>
[[nodiscard]] Tensor<T> xavier_normal(const Shape& shape, Generator& generator, double gain = 1) {
  const Fans f = fans(shape);
  return parameter(normal<T>(shape, generator, 0, gain * std::sqrt(2.0 / static_cast<double>(f.in + f.out))));
}

/// He, Zhang, Ren, Sun 2015, for ReLU.
template <class T = float>
[[nodiscard]] Tensor<T> kaiming_uniform(const Shape& shape, Generator& generator) {
  const double bound = std::sqrt(6.0 / static_cast<double>(fans(shape).in));
  return parameter(uniform<T>(shape, generator, -bound, bound));
}
template <class T = float>
[[nodiscard]] Tensor<T> kaiming_normal(const Shape& shape, Generator& generator) {
  return parameter(normal<T>(shape, generator, 0, std::sqrt(2.0 / static_cast<double>(fans(shape).in))));
}

/// Rows (or, where there are more rows than columns, columns) that are orthonormal: Gram and Schmidt, twice, in double,
/// on random normal vectors (Saxe, McClelland, Ganguli 2014).
template <class T = float>
[[nodiscard]] Tensor<T> orthogonal(const Shape& shape, Generator& generator, double gain = 1) {
  if (shape.rank() < 2) fail("init", "a weight of shape ", shape, " cannot be orthogonal");
  const index_t rows = shape[0], columns = rows > 0 ? shape.numel() / rows : 0;
  const index_t vectors = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
  const Tensor<double> q = normal<double>({vectors, length}, generator);
  for (index_t i = 0; i < vectors; ++i) {
    double* v = q.data() + i * length;
    for (int pass = 0; pass < 2; ++pass)
      for (index_t j = 0; j < i; ++j) {
        const double* u = q.data() + j * length;
        double along = 0;
        for (index_t k = 0; k < length; ++k) along += u[k] * v[k];
        for (index_t k = 0; k < length; ++k) v[k] -= along * u[k];
      }
    double squares = 0;
    for (index_t k = 0; k < length; ++k) squares += v[k] * v[k];
    for (index_t k = 0; k < length; ++k) v[k] *= gain / std::sqrt(squares);
  }
  const Tensor<double> matrix = rows < columns ? q : q.as_view({rows, columns}, {1, length});
  return parameter(limn::detail::copy_as<T>(matrix).as_view(shape, contiguous_strides(shape)));
}

}  // namespace limn::inline LIMN_ABI::nn

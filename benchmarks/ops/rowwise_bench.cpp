// Row kernels on data that fits the caches: softmax, layer norm, activations; a copy of a transposed view;
// cross-entropy with its gradient.

#include <limn/autograd/backward.hpp>
#include <limn/autograd/no_grad.hpp>
#include <limn/core/random.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/ops/norm.hpp>
#include <limn/ops/pointwise.hpp>
#include <limn/ops/softmax.hpp>
#include <limn/ops/view.hpp>

#include "../opponents/opponent.hpp"

using namespace limn;

namespace bench {
namespace {

Tensor<std::int64_t> random_ids(const Shape& shape, Generator& generator, index_t below) {
  Tensor<std::int64_t> ids(shape);
  for (index_t i = 0; i < ids.numel(); ++i) ids.data()[i] = generator.below(below);
  return ids;
}

struct Operands {
  index_t rows, length;
  Tensor<float> x, w, b, y;

  Operands(index_t row_count, index_t row_length) : rows(row_count), length(row_length) {
    Generator generator(1);
    x = uniform({rows, length}, generator, -3, 3);
    w = uniform({length}, generator, -1, 1);
    b = uniform({length}, generator, -1, 1);
  }
};
using Op = std::function<Tensor<float>(const Operands&)>;
/// The value at (row, column) in double.
using Exact = std::function<double(const Operands&, const float* row, index_t column)>;

double row_sum(const float* row, index_t length, const std::function<double(double)>& f) {
  double sum = 0;
  for (index_t i = 0; i < length; ++i) sum += f(row[i]);
  return sum;
}
double exact_softmax(const Operands& o, const float* row, index_t column) {  // numbers in [-3, 3] need no maximum
  return std::exp(static_cast<double>(row[column])) / row_sum(row, o.length, [](double v) { return std::exp(v); });
}
double exact_layer_norm(const Operands& o, const float* row, index_t column) {
  const double n = static_cast<double>(o.length), mean = row_sum(row, o.length, [](double v) { return v; }) / n;
  const double variance = row_sum(row, o.length, [mean](double v) { return (v - mean) * (v - mean); }) / n;
  return (row[column] - mean) / std::sqrt(variance + 1e-5) * o.w.data()[column] + o.b.data()[column];
}

Contenders torch_rows(const std::string& op, index_t rows, index_t length) {
  return torch("rows op=" + op + " rows=" + std::to_string(rows) + " length=" + std::to_string(length));
}

void add_rows(const std::string& name, index_t rows, index_t length, const Op& op, const Exact& exact) {
  add(
      "rowwise/" + name + "/" + std::to_string(rows) + "x" + std::to_string(length),
      {.elements = static_cast<double>(rows * length)},
      [=] {
        const auto o = std::make_shared<Operands>(rows, length);
        Contenders all{here(
            "limn",
            [o, op] {
              const NoGradGuard no_grad;
              o->y = op(*o);
            },
            [o, exact] {
              return relative_error(o->y.data(), o->y.numel(), [&](long at) {
                return exact(*o, o->x.data() + at / o->length * o->length, at % o->length);
              });
            })};
        for (Contender& other : torch_rows(name, rows, length)) all.push_back(other);
        return all;
      },
      true);
}

void add_cross_entropy(index_t rows, index_t length) {
  add(
      "rowwise/cross_entropy/" + std::to_string(rows) + "x" + std::to_string(length),
      {.elements = static_cast<double>(rows * length)},
      [=] {
        const auto o = std::make_shared<Operands>(rows, length);
        Generator generator(2);
        const auto target = std::make_shared<Tensor<std::int64_t>>(random_ids({rows}, generator, length));
        o->x.requires_grad_();
        Contenders all{here(
            "limn",
            [o, target] {
              o->x.zero_grad();
              backward(cross_entropy(o->x, *target));
            },
            [o, target] {
              const Tensor<float> dx = o->x.grad();
              return relative_error(dx.data(), dx.numel(), [&](long at) {
                const index_t row = at / o->length, column = at % o->length;
                const double p = exact_softmax(*o, o->x.data() + row * o->length, column);
                return (p - (target->data()[row] == column ? 1 : 0)) / static_cast<double>(o->rows);
              });
            })};
        for (Contender& other : torch_rows("cross_entropy", rows, length)) all.push_back(other);
        return all;
      },
      true);
}

}  // namespace

void cases() {
  add_rows(
      "softmax", 64, 577, [](const Operands& o) { return softmax(o.x); }, exact_softmax);
  add_rows(
      "layer_norm", 64, 768, [](const Operands& o) { return layer_norm(o.x, {o.length}, o.w, o.b); }, exact_layer_norm);
  add_rows(
      "tanh", 64, 512, [](const Operands& o) { return tanh(o.x); },
      [](const Operands&, const float* row, index_t column) { return std::tanh(static_cast<double>(row[column])); });
  add_rows(
      "sigmoid", 64, 512, [](const Operands& o) { return sigmoid(o.x); },
      [](const Operands&, const float* row, index_t column) {
        return 1 / (1 + std::exp(-static_cast<double>(row[column])));
      });
  add_rows(
      "gelu", 64, 512, [](const Operands& o) { return gelu(o.x); },
      [](const Operands&, const float* row, index_t column) {
        const double v = row[column];
        return v / 2 * (1 + std::erf(v / std::sqrt(2.0)));
      });
  add_rows(
      "transpose", 1024, 1024, [](const Operands& o) { return contiguous(transpose(o.x, 0, 1)); },
      [](const Operands& o, const float* row, index_t column) {
        return static_cast<double>(o.x.data()[column * o.length + (row - o.x.data()) / o.length]);
      });
  add_cross_entropy(1280, 8000);
}

}  // namespace bench

#pragma once
// Drives one recurrent kernel against its naive reference: values, gradients by central differences, float, thread
// counts.

#include <doctest/doctest.h>

#include <functional>
#include <random>

#include <limn_kernels/parallel.hpp>
#include <limn_kernels/recurrent.hpp>

#include "support/naive_recurrent.hpp"

namespace limn::test {

/// How to run a kernel on a case: forward writes states.h (and .c); backward gets dh and dc_last and returns one vector
/// per entry of `fields`, in that order.
template <class T>
struct RecurrentKernel {
  struct Data {
    NaiveRecurrent shape;  // sizes and mask; its tensors are copied into T below
    std::vector<T> x, h0, c0, w_ih, w_hh, w_hr, b_ih, b_hh;
  };
  std::function<NaiveStates(const Data&)> forward;
  std::function<std::vector<std::vector<double>>(const Data&, const std::vector<T>& dh, const std::vector<T>& dc)>
      backward;
};

/// The inputs that have gradients, in the order that RecurrentKernel::backward returns them.
inline std::vector<std::vector<double> NaiveRecurrent::*> recurrent_fields() {
  return {&NaiveRecurrent::x,    &NaiveRecurrent::h0,   &NaiveRecurrent::c0,   &NaiveRecurrent::w_ih,
          &NaiveRecurrent::w_hh, &NaiveRecurrent::w_hr, &NaiveRecurrent::b_ih, &NaiveRecurrent::b_hh};
}

/// Another element type.
template <class T, class U>
std::vector<T> narrow(const std::vector<U>& v) {
  return std::vector<T>(v.begin(), v.end());
}
template <class T>
const T* pointer(const std::vector<T>& v) {
  return v.empty() ? nullptr : v.data();
}

template <class T>
typename RecurrentKernel<T>::Data recurrent_data(const NaiveRecurrent& n) {
  return {n,
          narrow<T>(n.x),
          narrow<T>(n.h0),
          narrow<T>(n.c0),
          narrow<T>(n.w_ih),
          narrow<T>(n.w_hh),
          narrow<T>(n.w_hr),
          narrow<T>(n.b_ih),
          narrow<T>(n.b_hh)};
}

struct RecurrentOptions {
  index_t time = 4, batch = 3, input = 3, hidden = 5, projection = 0;
  bool reverse = false, masked = false, bias = true, initial = true;
};

/// One to five rows of more units than a tile has columns.
inline std::vector<RecurrentOptions> few_rows() {
  std::vector<RecurrentOptions> all;
  for (const index_t batch : {1, 2, 3, 5})
    all.push_back({.time = 4, .batch = batch, .input = 70, .hidden = 290, .reverse = batch == 2, .masked = batch == 3});
  return all;
}

/// Fills a case with random numbers that float holds exactly; `gates` rows of weights per unit.
inline NaiveRecurrent random_recurrent(const RecurrentOptions& o, index_t gates, bool has_cell) {
  std::mt19937 rng(static_cast<unsigned>(o.time * 1000 + o.batch * 100 + o.hidden));
  const auto fill = [&](std::vector<double>& v, index_t count, double scale) {
    v.resize(static_cast<std::size_t>(count));
    for (double& value : v) value = static_cast<float>(scale * (static_cast<double>(rng() % 2001) / 1000.0 - 1.0));
  };
  NaiveRecurrent n;
  n.time = o.time, n.batch = o.batch, n.input = o.input, n.hidden = o.hidden, n.projection = o.projection,
  n.reverse = o.reverse;
  const double scale = 1.5 / std::sqrt(static_cast<double>(o.hidden));
  fill(n.x, o.time * o.batch * o.input, 1.0);
  fill(n.w_ih, gates * o.hidden * o.input, scale);
  fill(n.w_hh, gates * o.hidden * n.state(), scale);
  if (o.projection > 0) fill(n.w_hr, o.projection * o.hidden, scale);
  if (o.bias) fill(n.b_ih, gates * o.hidden, 0.5);
  if (o.bias) fill(n.b_hh, gates * o.hidden, 0.5);
  if (o.initial) fill(n.h0, o.batch * n.state(), 1.0);
  if (o.initial && has_cell) fill(n.c0, o.batch * o.hidden, 1.0);
  if (o.masked) {
    n.mask.resize(static_cast<std::size_t>(o.time * o.batch));
    for (std::size_t i = 0; i < n.mask.size(); ++i) n.mask[i] = rng() % 3 != 0;  // also in the middle
  }
  return n;
}

inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return INFINITY;
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

/// The output weights of the loss sum(h * dh) + sum(c after the walk * dc) that gradients are taken of.
inline std::vector<double> cotangent(std::size_t count, unsigned seed) {
  std::mt19937 rng(seed);
  std::vector<double> v(count);
  for (double& value : v) value = static_cast<float>(static_cast<double>(rng() % 2001) / 1000.0 - 1.0);
  return v;
}

/// Values in double against the reference, and in float.
template <class Naive>
void check_recurrent_values(const NaiveRecurrent& n, bool has_cell, const RecurrentKernel<double>& in_double,
                            const RecurrentKernel<float>& in_float, Naive&& naive) {
  const NaiveStates want = naive(n);
  const NaiveStates got = in_double.forward(recurrent_data<double>(n)),
                    narrow_got = in_float.forward(recurrent_data<float>(n));
  CHECK(largest_difference(got.h, want.h) < 1e-12);
  CHECK(largest_difference(narrow_got.h, want.h) < 3e-5);
  if (!has_cell) return;
  CHECK(largest_difference(got.c, want.c) < 1e-12);
  CHECK(largest_difference(narrow_got.c, want.c) < 3e-5);
}

/// Gradients in double against central differences of the reference, and float against double.
template <class Naive>
void check_recurrent_gradients(const NaiveRecurrent& n, bool has_cell, const RecurrentKernel<double>& in_double,
                               const RecurrentKernel<float>& in_float, Naive&& naive, bool differences = true) {
  const std::size_t last = static_cast<std::size_t>((n.reverse ? 0 : n.time - 1) * n.batch * n.hidden);
  const std::vector<double> dh = cotangent(static_cast<std::size_t>(n.time * n.batch * n.state()), 1);
  const std::vector<double> dc =
      has_cell ? cotangent(static_cast<std::size_t>(n.batch * n.hidden), 2) : std::vector<double>{};
  const auto loss = [&](const NaiveRecurrent& at) {
    const NaiveStates states = naive(at);
    double sum = 0;
    for (std::size_t i = 0; i < dh.size(); ++i) sum += states.h[i] * dh[i];
    for (std::size_t i = 0; i < dc.size(); ++i) sum += states.c[last + i] * dc[i];
    return sum;
  };
  const auto got = in_double.backward(recurrent_data<double>(n), dh, dc);
  const auto got_float = in_float.backward(recurrent_data<float>(n), narrow<float>(dh), narrow<float>(dc));
  const auto fields = recurrent_fields();
  for (std::size_t f = 0; f < fields.size(); ++f) {
    CAPTURE(f);
    REQUIRE(got[f].size() == (n.*fields[f]).size());
    double scale = 1;
    for (double value : got[f]) scale = std::max(scale, std::abs(value));
    CHECK(largest_difference(got[f], got_float[f]) < 1e-4 * scale);
    if (!differences) continue;
    std::vector<double> want;
    NaiveRecurrent moved = n;
    for (double& value : moved.*fields[f]) {
      const double kept = value;
      value = kept + 1e-6;
      const double above = loss(moved);
      value = kept - 1e-6;
      want.push_back((above - loss(moved)) / 2e-6);
      value = kept;
    }
    CHECK(largest_difference(got[f], want) < 2e-8);
  }
}

/// The same bits for 1, 2 and 7 threads.
template <class T>
void check_recurrent_threads(const NaiveRecurrent& n, bool has_cell, const RecurrentKernel<T>& kernel) {
  const int before = kernels::thread_count();
  const auto data = recurrent_data<T>(n);
  const std::vector<T> dh = narrow<T>(cotangent(static_cast<std::size_t>(n.time * n.batch * n.state()), 1));
  const std::vector<T> dc = narrow<T>(cotangent(has_cell ? static_cast<std::size_t>(n.batch * n.hidden) : 0, 2));
  kernels::set_thread_count(1);
  const NaiveStates h = kernel.forward(data);
  const auto grads = kernel.backward(data, dh, dc);
  for (int threads : {2, 7}) {
    kernels::set_thread_count(threads);
    CHECK(kernel.forward(data).h == h.h);
    CHECK(kernel.backward(data, dh, dc) == grads);
  }
  kernels::set_thread_count(before);
}

/// Packed weights over batches and times on both sides of every choice of the kernel: forward(shape, data, mask,
/// packed) returns the states, naive(case) what they are. The same bits for any number of threads.
template <class Forward, class Naive>
void check_packed_recurrent(index_t gates, bool has_cell, const Forward& forward, const Naive& naive) {
  const int before = kernels::thread_count();
  for (const index_t batch : {1, 2, 5, 6, 31, 50})
    for (const index_t time : {1, 4}) {
      CAPTURE(batch);
      CAPTURE(time);
      const NaiveRecurrent n = random_recurrent(
          {.time = time, .batch = batch, .input = 70, .hidden = 183, .reverse = batch == 5, .masked = batch % 2 == 0},
          gates, has_cell);
      const auto data = recurrent_data<float>(n);
      const kernels::RecurrentShape s{n.time, n.batch, n.input, n.hidden, 0, n.reverse};
      const kernels::PackedRecurrent<float> packed(gates, n.hidden, n.input, n.hidden, data.w_ih.data(),
                                                   data.w_hh.data());
      const std::uint8_t* mask = n.mask.empty() ? nullptr : n.mask.data();
      std::vector<float> first;
      for (const int threads : {1, 2, 7}) {
        kernels::set_thread_count(threads);
        const std::vector<float> h = forward(s, data, mask, packed);
        if (threads == 1) {
          first = h;
          CHECK(largest_difference(narrow<double>(h), naive(n).h) < 3e-5);
        }
        CHECK(h == first);
      }
      kernels::set_thread_count(before);
    }
}

}  // namespace limn::test

// The attention kernel against its definition in double: values and gradients, masks, causality, thread counts.

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

#include <limn_kernels/attention.hpp>
#include <limn_kernels/parallel.hpp>

using namespace limn;

namespace {

using Doubles = std::vector<double>;

struct Case {
  kernels::AttentionShape s;
  bool masked = false, biased = false;
  Doubles q, k, v, dy, bias;
  std::vector<std::uint8_t> out;

  Case(const kernels::AttentionShape& shape, bool with_mask, bool with_bias)
      : s(shape), masked(with_mask), biased(with_bias) {
    std::mt19937 random(static_cast<unsigned>(s.queries * 71 + s.keys * 3 + s.depth));
    const auto fill = [&](Doubles& x, index_t n, double size) {
      x.resize(static_cast<std::size_t>(n));
      for (double& value : x) value = static_cast<float>(size * (static_cast<double>(random() % 2001) / 1000 - 1));
    };
    fill(q, s.batch * s.queries * s.depth, 1.5);
    fill(k, s.batch * s.keys * s.depth, 1.5);
    fill(v, s.batch * s.keys * s.width, 1);
    fill(dy, s.batch * s.queries * s.width, 1);
    fill(bias, s.batch * s.queries * s.keys, 2);
    out.resize(bias.size());
    for (auto& o : out) o = random() % 3 == 0;
    if (masked && s.queries > 1)  // the last query of the first problem sees nothing
      std::fill_n(out.begin() + (s.queries - 1) * s.keys, s.keys, std::uint8_t{1});
  }
};

struct Results {
  Doubles y, dq, dk, dv;
};

Results naive(const Case& c) {
  const auto& s = c.s;
  const auto at = [](const Doubles& x, index_t i) { return x[static_cast<std::size_t>(i)]; };
  Results r;
  r.y.resize(c.dy.size()), r.dq.resize(c.q.size()), r.dk.resize(c.k.size()), r.dv.resize(c.v.size());
  const auto to = [](Doubles& x, index_t i) -> double& { return x[static_cast<std::size_t>(i)]; };
  for (index_t b = 0; b < s.batch; ++b)
    for (index_t i = 0; i < s.queries; ++i) {
      const index_t row = b * s.queries + i;
      Doubles score(static_cast<std::size_t>(s.keys));
      const auto replaced = [&](index_t j) {
        return (c.masked && c.out[static_cast<std::size_t>(row * s.keys + j)]) || (s.causal && j > i);
      };
      double top = -INFINITY, sum = 0, dot = 0;
      for (index_t j = 0; j < s.keys; ++j) {
        double& x = to(score, j);
        for (index_t e = 0; e < s.depth; ++e) x += at(c.q, row * s.depth + e) * at(c.k, (b * s.keys + j) * s.depth + e);
        x = replaced(j) ? -3e38 : s.scale * x + (c.biased ? at(c.bias, row * s.keys + j) : 0);
        top = std::max(top, x);
      }
      for (double& x : score) sum += x = std::exp(x - top);
      for (double& x : score) x /= sum;
      Doubles dscore(score.size());
      for (index_t j = 0; j < s.keys; ++j)
        for (index_t e = 0; e < s.width; ++e) {
          const index_t value = (b * s.keys + j) * s.width + e;
          to(r.y, row * s.width + e) += at(score, j) * at(c.v, value);
          to(r.dv, value) += at(score, j) * at(c.dy, row * s.width + e);
          to(dscore, j) += at(c.v, value) * at(c.dy, row * s.width + e);
        }
      for (index_t j = 0; j < s.keys; ++j) dot += at(score, j) * at(dscore, j);
      for (index_t j = 0; j < s.keys; ++j) {
        const double d = replaced(j) ? 0 : s.scale * at(score, j) * (at(dscore, j) - dot);
        for (index_t e = 0; e < s.depth; ++e) {
          to(r.dq, row * s.depth + e) += d * at(c.k, (b * s.keys + j) * s.depth + e);
          to(r.dk, (b * s.keys + j) * s.depth + e) += d * at(c.q, row * s.depth + e);
        }
      }
    }
  return r;
}

template <class T>
Results run(const Case& c) {
  const auto& s = c.s;
  const auto narrow = [](const Doubles& x) { return std::vector<T>(x.begin(), x.end()); };
  const std::vector<T> q = narrow(c.q), k = narrow(c.k), v = narrow(c.v), dy = narrow(c.dy), bias = narrow(c.bias);
  std::vector<index_t> of_q, of_k, of_v, of_scores;
  for (index_t b = 0; b < s.batch; ++b) {
    of_q.push_back(b * s.queries * s.depth), of_k.push_back(b * s.keys * s.depth);
    of_v.push_back(b * s.keys * s.width), of_scores.push_back(b * s.queries * s.keys);
  }
  kernels::AttentionInputs<T> in{
      {q.data(), of_q.data(), s.depth}, {k.data(), of_k.data(), s.depth}, {v.data(), of_v.data(), s.width}, {}, {}};
  if (c.masked) in.out = {reinterpret_cast<const bool*>(c.out.data()), of_scores.data(), s.keys};
  if (c.biased) in.added = {bias.data(), of_scores.data(), s.keys};
  std::vector<T> y(dy.size(), T(NAN)), statistics(static_cast<std::size_t>(s.batch * s.queries * 2)),
      dq(q.size(), T(NAN)), dk(k.size(), T(NAN)), dv(v.size(), T(NAN));
  kernels::attention_forward(cpu_device, s, in, y.data(), statistics.data());
  kernels::attention_backward<T>(cpu_device, s, in, y.data(), statistics.data(), dy.data(),
                                 {dq.data(), dk.data(), dv.data()});
  const auto wide = [](const std::vector<T>& x) { return Doubles(x.begin(), x.end()); };
  return {wide(y), wide(dq), wide(dk), wide(dv)};
}

double difference(const Doubles& a, const Doubles& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    most = std::isfinite(a[i]) ? std::max(most, std::abs(a[i] - b[i])) : INFINITY;
  return most;
}

void check(const kernels::AttentionShape& s, bool masked = false, bool biased = false) {
  CAPTURE(s.queries);
  CAPTURE(s.keys);
  CAPTURE(s.depth);
  CAPTURE(s.width);
  CAPTURE(s.causal);
  CAPTURE(masked);
  CAPTURE(biased);
  const Case c(s, masked, biased);
  const Results want = naive(c), exact = run<double>(c), rounded = run<float>(c);
  for (const auto field : {&Results::y, &Results::dq, &Results::dk, &Results::dv}) {
    CHECK(difference(exact.*field, want.*field) < 1e-11);
    CHECK(difference(rounded.*field, want.*field) <
          2e-5 * static_cast<double>(s.queries > s.keys ? s.queries : s.keys));
  }
}

}  // namespace

TEST_CASE("attention kernel equals its definition for random sizes from 1 to 70, masked in every way") {
  std::mt19937 random(3);
  const auto size = [&] { return static_cast<index_t>(1 + random() % 70); };
  for (int i = 0; i < 24; ++i)
    check({.batch = 1 + size() % 3,
           .queries = size(),
           .keys = size(),
           .depth = size(),
           .width = size(),
           .scale = 0.3,
           .causal = i % 4 == 3},
          i % 3 == 1, i % 5 == 2);
}
TEST_CASE("attention kernel: more keys than one block, whole vectors and not") {
  check({.queries = 7, .keys = 1301, .depth = 16, .width = 32, .scale = 0.25});
  check({.queries = 130, .keys = 700, .depth = 20, .width = 5, .scale = 0.25, .causal = true});
  check({.queries = 9, .keys = 1290, .depth = 8, .width = 70, .scale = 0.25}, true, true);
}
TEST_CASE("attention kernel: one of everything") {
  check({});
  check({.queries = 1, .keys = 40, .depth = 1, .width = 1});
  check({.queries = 40, .keys = 1, .depth = 3, .width = 17, .causal = true});
}
TEST_CASE("attention kernel: a block of keys that an added -infinity hides altogether does not spoil the others") {
  Case c({.queries = 3, .keys = 1300, .depth = 4, .width = 4}, false, true);
  for (std::size_t i = 0; i < c.bias.size(); ++i)
    if (i % 1300 < 900) c.bias[i] = -INFINITY;
  CHECK(difference(run<float>(c).y, naive(c).y) < 1e-5);
}
TEST_CASE("attention kernel gives the same bits for 1, 2 and 7 threads") {
  const int before = kernels::thread_count();
  for (const index_t batch : {1, 9}) {
    const Case c({.batch = batch, .queries = 300, .keys = 90, .depth = 20, .width = 24, .causal = batch == 9}, false,
                 true);
    kernels::set_thread_count(1);
    const Results one = run<float>(c);
    for (const int threads : {2, 7}) {
      kernels::set_thread_count(threads);
      const Results many = run<float>(c);
      for (const auto field : {&Results::y, &Results::dq, &Results::dk, &Results::dv}) CHECK(one.*field == many.*field);
    }
  }
  kernels::set_thread_count(before);
}

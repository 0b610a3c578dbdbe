// The optimisers' rules on the GPU against their formulas in double.

#include <limn_kernels/optim.hpp>

#include <limits>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

using namespace kernels;

/// One element of everything that a step changes, and its gradient.
struct Element {
  double w, g, a, b, c;
};

double mixed(double beta, double old, double fresh) { return beta * old + (1 - beta) * fresh; }

template <class T>
void step(const SgdRule<T>& r, Element& e) {
  double g = r.sign * e.g + r.decay * e.w;
  if (r.use_momentum) {
    e.a = r.first ? g : r.momentum * e.a + r.keep * g;
    g = r.nesterov ? g + r.momentum * e.a : e.a;
  }
  e.w -= r.lr * g;
}
template <class T>
void step(const AdamRule<T>& r, Element& e) {
  e.w *= r.shrink;
  const double g = r.sign * e.g + r.decay * e.w;
  e.a = mixed(r.beta1, e.a, g);
  e.b = mixed(r.beta2, e.b, g * g);
  if (r.amsgrad) e.c = std::max(e.c, e.b);
  e.w -= r.step * e.a / (std::sqrt(r.amsgrad ? e.c : e.b) * r.scale + r.epsilon);
}
template <class T>
void step(const NadamRule<T>& r, Element& e) {
  const double g = e.g + r.decay * e.w;
  e.a = mixed(r.beta1, e.a, g);
  e.b = mixed(r.beta2, e.b, g * g);
  const double d = std::sqrt(e.b) * r.scale + r.epsilon;
  e.w -= r.gradient_step * g / d + r.step * e.a / d;
}
template <class T>
void step(const RadamRule<T>& r, Element& e) {
  const double g = e.g + r.decay * e.w;
  e.a = mixed(r.beta1, e.a, g);
  e.b = mixed(r.beta2, e.b, g * g);
  e.w -= r.step * e.a / (r.adaptive ? std::sqrt(e.b) + r.epsilon : 1);
}
template <class T>
void step(const AdamaxRule<T>& r, Element& e) {
  const double g = e.g + r.decay * e.w;
  e.a = mixed(r.beta1, e.a, g);
  e.b = std::max(r.beta2 * e.b, std::abs(g) + r.epsilon);
  e.w -= r.step * e.a / e.b;
}
template <class T>
void step(const RmspropRule<T>& r, Element& e) {
  const double g = e.g + r.decay * e.w;
  e.a = mixed(r.alpha, e.a, g * g);
  if (r.centered) e.b = mixed(r.alpha, e.b, g);
  double move = g / (std::sqrt(e.a - (r.centered ? e.b * e.b : 0)) + r.epsilon);
  if (r.use_momentum) move = e.c = r.momentum * e.c + move;
  e.w -= r.lr * move;
}
template <class T>
void step(const AdagradRule<T>& r, Element& e) {
  const double g = e.g + r.decay * e.w;
  e.a += g * g;
  e.w -= r.lr * g / (std::sqrt(e.a) + r.epsilon);
}
template <class T>
void step(const AdadeltaRule<T>& r, Element& e) {
  const double g = e.g + r.decay * e.w;
  e.a = mixed(r.rho, e.a, g * g);
  const double move = std::sqrt(e.b + r.epsilon) / std::sqrt(e.a + r.epsilon) * g;
  e.b = mixed(r.rho, e.b, move * move);
  e.w -= r.lr * move;
}

/// One step of a rule that has `states` of the arrays a, b, c.
template <class T, class Rule>
void check_rule(const Rule& rule, int states) {
  for (const index_t n : {0, 1, 31, 33, 257, 1000}) {
    const auto count = static_cast<std::size_t>(n);
    const auto w = values(n, 3), g = values(n, 5), a = values(n, 7), b = values(n, 11), c = values(n, 13);
    std::vector<double> before(4 * count), after(4 * count);  // w, a, b, c
    for (std::size_t i = 0; i < count; ++i) {
      // a, b and c as sums of squares and of their like: positive, a the largest
      Element e{w[i], g[i], 4.25 + a[i] / 8, 0.25 + b[i] / 16, 1.25 + c[i] / 2};
      const auto put = [&](std::vector<double>& to) {
        to[i] = e.w, to[count + i] = e.a, to[2 * count + i] = e.b, to[3 * count + i] = e.c;
      };
      put(before);
      step(rule, e);
      put(after);
    }
    const Buffer<T> at_g(g);
    expect<T>(
        after, 4 * tolerance<T>,
        [&](T* y) {
          optimizer_update(under_test, rule, n, y, at_g.data(), states > 0 ? y + n : nullptr,
                           states > 1 ? y + 2 * n : nullptr, states > 2 ? y + 3 * n : nullptr);
        },
        before);
  }
}

TEST_CASE_TEMPLATE("optimizer_update: every rule with every option", T, float, double) {
  if (!have_device()) return;
  const auto t = [](double value) { return static_cast<T>(value); };
  for (const T decay : {t(0), t(0.125)}) {
    for (const T sign : {t(1), t(-1)}) {
      check_rule<T>(SgdRule<T>{t(0.1), t(0), t(1), decay, sign, false, false, false}, 0);
      for (const bool nesterov : {false, true})
        for (const bool first : {false, true})
          check_rule<T>(SgdRule<T>{t(0.1), t(0.9), t(0.75), decay, sign, true, nesterov, first}, 1);
      for (const bool amsgrad : {false, true})
        for (const T shrink : {t(1), t(0.99)})
          check_rule<T>(AdamRule<T>{t(0.9), t(0.999), t(0.01), t(1.5), t(1e-8), decay, shrink, sign, amsgrad},
                        amsgrad ? 3 : 2);
    }
    check_rule<T>(NadamRule<T>{t(0.9), t(0.999), t(0.01), t(0.02), t(1.5), t(1e-8), decay}, 2);
    for (const bool adaptive : {false, true})
      check_rule<T>(RadamRule<T>{t(0.9), t(0.999), t(0.01), t(1e-8), decay, adaptive}, 2);
    check_rule<T>(AdamaxRule<T>{t(0.9), t(0.999), t(0.01), t(1e-8), decay}, 2);
    for (const bool centered : {false, true})
      for (const bool use_momentum : {false, true})
        check_rule<T>(RmspropRule<T>{t(0.01), t(0.99), t(1e-8), decay, t(0.9), centered, use_momentum},
                      use_momentum ? 3 : 2);
    check_rule<T>(AdagradRule<T>{t(0.01), t(1e-10), decay}, 1);
    check_rule<T>(AdadeltaRule<T>{t(1), t(0.9), t(1e-6), decay}, 2);
  }
}

TEST_CASE_TEMPLATE("sum_of_squares: of any length, the same bits again; a NaN and an infinity arrive", T, float,
                   double) {
  if (!have_device()) return;
  for (const index_t n : {0, 1, 31, 33, 257, 1000, 4097, 30001}) {
    auto x = values(n, 17);
    double expected = 0;
    for (const double value : x) expected += value * value;
    const Buffer<T> at_x(x);
    const double found = sum_of_squares(under_test, n, at_x.data());
    CHECK(std::abs(found - expected) <= 1e-12 * (1 + expected));
#ifdef LIMN_GPU_ON_HOST
    cuda::host::order = cuda::host::Order::backward;
#endif
    CHECK(sum_of_squares(under_test, n, at_x.data()) == found);
#ifdef LIMN_GPU_ON_HOST
    cuda::host::order = cuda::host::Order::forward;
#endif
    for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      if (n == 0) continue;
      x[x.size() / 2] = bad;
      const Buffer<T> with_bad(x);
      const double sum = sum_of_squares(under_test, n, with_bad.data());
      CHECK(std::isnan(sum) == std::isnan(bad));
      CHECK(!std::isfinite(sum));
    }
  }
}

}  // namespace
}  // namespace limn::test

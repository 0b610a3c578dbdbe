// Cross-entropy on the GPU against plain loops in double.

#include <limn_kernels/cross_entropy.hpp>

#include <limits>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

using kernels::CrossEntropyParameters;
using kernels::CrossEntropyShape;

struct Expected {
  std::vector<double> loss, normaliser, dx;
};

Expected expected_of(const CrossEntropyShape& s, const std::vector<double>& weight, std::int64_t ignore,
                     double smoothing, const std::vector<double>& x, const std::vector<double>& target,
                     const std::vector<double>& dloss) {
  const auto positions = static_cast<std::size_t>(s.outer * s.inner);
  Expected e{std::vector<double>(positions, 0.0), std::vector<double>(2 * positions),
             std::vector<double>(x.size(), 0.0)};
  const auto weight_of = [&](index_t c) { return weight.empty() ? 1.0 : weight[static_cast<std::size_t>(c)]; };
  for (std::size_t i = 0; i < positions; ++i) {
    const auto at = [&](index_t c) {
      const auto position = static_cast<index_t>(i);
      return static_cast<std::size_t>((position / s.inner * s.classes + c) * s.inner + position % s.inner);
    };
    double top = x[at(0)], sum = 0;
    for (index_t c = 0; c < s.classes; ++c) top = std::max(top, x[at(c)]);
    for (index_t c = 0; c < s.classes; ++c) sum += std::exp(x[at(c)] - top);
    e.normaliser[2 * i] = top;
    e.normaliser[2 * i + 1] = std::log(sum);
    const auto t = static_cast<index_t>(target[i]);
    if (t == ignore) continue;
    for (index_t c = 0; c < s.classes; ++c) {
      // The share of class c in the loss: share * -log p_c.
      const double share = weight_of(c) * ((c == t ? 1 - smoothing : 0) + smoothing / static_cast<double>(s.classes));
      e.loss[i] += share * (top + std::log(sum) - x[at(c)]);
      for (index_t k = 0; k < s.classes; ++k)
        e.dx[at(k)] += dloss[i] * share * (std::exp(x[at(k)] - top) / sum - (k == c ? 1 : 0));
    }
  }
  return e;
}

std::vector<double> targets(index_t positions, index_t classes, std::int64_t ignore) {
  std::vector<double> result(static_cast<std::size_t>(positions));
  for (index_t i = 0; i < positions; ++i)
    result[static_cast<std::size_t>(i)] = static_cast<double>(i % 3 == 2 ? ignore : i * 7 % classes);
  return result;
}

TEST_CASE_TEMPLATE("cross_entropy: classes side by side and strided, weights, smoothing, ignored targets; its gradient",
                   T, float, double) {
  if (!have_device()) return;
  for (const CrossEntropyShape& s : {CrossEntropyShape{7, 10, 1},
                                     {4, 1, 1},
                                     {5, 33, 1},
                                     {4, 257, 1},
                                     {2, 1000, 1},
                                     {2, 5, 31},
                                     {2, 9, 257},
                                     {1, 1, 4},
                                     {0, 4, 1},
                                     {2, 3, 0}})
    for (const bool weighted : {false, true})
      for (const double smoothing : {0.0, 0.25}) {
        const std::int64_t ignore = -100;
        const auto x = values(s.outer * s.classes * s.inner, 41), dloss = values(s.outer * s.inner, 43);
        std::vector<double> weight = weighted ? values(s.classes, 47) : std::vector<double>();
        for (double& w : weight) w = std::abs(w) + 0.125;
        const auto target = targets(s.outer * s.inner, s.classes, ignore);
        const Expected e = expected_of(s, weight, ignore, smoothing, x, target, dloss);
        const std::vector<double> same(dloss.size(), 0.375);
        const Expected at_once = expected_of(s, weight, ignore, smoothing, x, target, same);

        const Buffer<T> at_x(x), at_dloss(dloss), at_weight(weight), at_normaliser(e.normaliser);
        const Buffer<std::int64_t> at_target(target);
        const CrossEntropyParameters<T> p{weighted ? at_weight.data() : nullptr, ignore, smoothing};
        const double close = 8 * tolerance<T>;
        const std::size_t positions = dloss.size();
        expect<T>(e.loss, close, [&](T* out) {
          const Buffer<T> normaliser(2 * positions);
          cuda::cross_entropy_forward<T>(s, p, at_x.data(), at_target.data(), out, normaliser.data());
        });
        expect<T>(e.normaliser, close, [&](T* out) {
          const Buffer<T> loss(positions);
          cuda::cross_entropy_forward<T>(s, p, at_x.data(), at_target.data(), loss.data(), out);
        });
        expect<T>(e.dx, close, [&](T* out) {
          cuda::cross_entropy_backward<T>(s, p, at_x.data(), at_target.data(), at_normaliser.data(), at_dloss.data(),
                                          out);
        });
        expect<T>(
            e.dx, close,
            [&](T* out) {  // dx may be x
              cuda::cross_entropy_backward<T>(s, p, out, at_target.data(), at_normaliser.data(), at_dloss.data(), out);
            },
            x);
        expect<T>(at_once.dx, close, [&](T* out) {
          const Buffer<T> loss(positions), normaliser(2 * positions);
          cuda::cross_entropy_with_gradient<T>(s, p, at_x.data(), at_target.data(), T(0.375), loss.data(),
                                               normaliser.data(), out);
        });
        expect<T>(e.loss, close, [&](T* out) {
          const Buffer<T> dx(x.size()), normaliser(2 * positions);
          cuda::cross_entropy_with_gradient<T>(s, p, at_x.data(), at_target.data(), T(0.375), out, normaliser.data(),
                                               dx.data());
        });
        expect<T>(e.normaliser, close, [&](T* out) {
          const Buffer<T> dx(x.size()), loss(positions);
          cuda::cross_entropy_with_gradient<T>(s, p, at_x.data(), at_target.data(), T(0.375), loss.data(), out,
                                               dx.data());
        });
      }
}

TEST_CASE_TEMPLATE("cross_entropy: logits far from 0, and an ignored row of NaN has gradient 0", T, float, double) {
  if (!have_device()) return;
  const CrossEntropyShape s{3, 40, 1};
  std::vector<double> x = values(3 * 40, 51);
  for (double& v : x) v = 1000 * v + 4000;
  const std::vector<double> target{0, -1, 39}, dloss{1, 2, 3};
  const Expected e = expected_of(s, {}, -1, 0.0, x, target, dloss);
  for (std::size_t c = 40; c < 80; ++c) x[c] = std::numeric_limits<double>::quiet_NaN();
  const Buffer<T> at_x(x), at_dloss(dloss);
  const Buffer<std::int64_t> at_target(target);
  const CrossEntropyParameters<T> p{nullptr, -1, 0.0};
  const Buffer<T> normaliser(6);
  expect<T>(e.loss, tolerance<T>, [&](T* out) {
    cuda::cross_entropy_forward<T>(s, p, at_x.data(), at_target.data(), out, normaliser.data());
  });
  expect<T>(e.dx, tolerance<T>, [&](T* out) {
    cuda::cross_entropy_backward<T>(s, p, at_x.data(), at_target.data(), normaliser.data(), at_dloss.data(), out);
  });
}

TEST_CASE_TEMPLATE("cross_entropy: the front door reads no weight of the GPU on the host", T, float, double) {
  if (!have_device()) return;
  const CrossEntropyShape s{3, 7, 1};
  const auto x = values(21, 53), dloss = values(3, 55);
  const std::vector<double> weight{1, 2, 3, 4, 0.5, 0.25, 8}, target{6, 0, 3}, same(3, 0.5);
  const Expected e = expected_of(s, weight, -1, 0.5, x, target, dloss);
  const Expected at_once = expected_of(s, weight, -1, 0.5, x, target, same);
  const Buffer<T> at_x(x), at_dloss(dloss), at_weight(weight), normaliser(6), loss(3);
  const Buffer<std::int64_t> at_target(target);
  const CrossEntropyParameters<T> p{at_weight.data(), -1, 0.5};
  kernels::cross_entropy_forward(under_test, s, p, at_x.data(), at_target.data(), loss.data(), normaliser.data());
  expect<T>(e.dx, 8 * tolerance<T>, [&](T* out) {
    kernels::cross_entropy_backward<T>(under_test, s, p, at_x.data(), at_target.data(), normaliser.data(),
                                       at_dloss.data(), out);
  });
  expect<T>(at_once.dx, 8 * tolerance<T>, [&](T* out) {
    kernels::cross_entropy_with_gradient(under_test, s, p, at_x.data(), at_target.data(), T(0.5), loss.data(),
                                         normaliser.data(), out);
  });
}

}  // namespace
}  // namespace limn::test

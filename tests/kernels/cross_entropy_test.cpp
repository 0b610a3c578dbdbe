#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include <limn/core/random.hpp>
#include <limn_kernels/cross_entropy.hpp>

using namespace limn;

namespace {

template <class T>
void check(const kernels::CrossEntropyShape& s, bool weighted, double smoothing, Generator& generator, double bound) {
  INFO("outer " << s.outer << " classes " << s.classes << " inner " << s.inner << " weighted " << weighted
                << " smoothing " << smoothing);
  const auto positions = static_cast<std::size_t>(s.outer * s.inner), classes = static_cast<std::size_t>(s.classes),
             inner = static_cast<std::size_t>(s.inner);
  std::vector<T> x(positions * classes), weight(classes);
  for (T& v : x) v = static_cast<T>(generator.uniform() * 20 - 10);
  for (T& v : weight) v = static_cast<T>(generator.uniform() + 0.1);
  std::vector<std::int64_t> target(positions);
  for (auto& t : target) t = generator.below(6) == 0 ? -100 : static_cast<std::int64_t>(generator.below(s.classes));
  const kernels::CrossEntropyParameters<T> p{weighted ? weight.data() : nullptr, -100, smoothing};
  const T dloss = static_cast<T>(0.3);

  std::vector<double> wanted(x.size()), wanted_loss(positions);
  for (std::size_t i = 0; i < positions; ++i) {
    if (target[i] == -100) continue;
    const auto at = [&](std::size_t c) { return (i / inner * classes + c) * inner + i % inner; };
    const auto w = [&](std::size_t c) { return weighted ? static_cast<double>(weight[c]) : 1.0; };
    double sum = 0, all = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      sum += std::exp(static_cast<double>(x[at(c)]));
      all += w(c);
    }
    const auto t = static_cast<std::size_t>(target[i]);
    const double even = smoothing / static_cast<double>(classes), hard = (1 - smoothing) * w(t);
    const auto nll = [&](std::size_t c) { return std::log(sum) - static_cast<double>(x[at(c)]); };
    wanted_loss[i] = hard * nll(t);
    for (std::size_t c = 0; c < classes; ++c) {
      wanted_loss[i] += even * w(c) * nll(c);
      const double probability = std::exp(static_cast<double>(x[at(c)])) / sum;
      wanted[at(c)] =
          static_cast<double>(dloss) * ((hard + even * all) * probability - even * w(c) - (c == t ? hard : 0.0));
    }
  }

  std::vector<T> first;
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    std::vector<T> loss(positions, T(NAN)), normaliser(2 * positions), dx(x.size(), T(NAN)), apart(x.size(), T(NAN)),
        same(positions, dloss), loss_apart(positions);
    kernels::cross_entropy_with_gradient<T>(cpu_device, s, p, x.data(), target.data(), dloss, loss.data(),
                                            normaliser.data(), dx.data());
    for (std::size_t i = 0; i < positions; ++i)
      REQUIRE(std::abs(static_cast<double>(loss[i]) - wanted_loss[i]) <= bound * (1 + std::abs(wanted_loss[i])));
    for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(std::abs(static_cast<double>(dx[i]) - wanted[i]) <= bound);
    kernels::cross_entropy_forward<T>(cpu_device, s, p, x.data(), target.data(), loss_apart.data(), normaliser.data());
    kernels::cross_entropy_backward<T>(cpu_device, s, p, x.data(), target.data(), normaliser.data(), same.data(),
                                       apart.data());
    REQUIRE(std::memcmp(loss.data(), loss_apart.data(), positions * sizeof(T)) == 0);
    for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(std::abs(static_cast<double>(apart[i]) - wanted[i]) <= bound);
    if (first.empty()) first = dx;
    REQUIRE(std::memcmp(first.data(), dx.data(), x.size() * sizeof(T)) == 0);
  }
}

}  // namespace

TEST_CASE("cross-entropy: loss and gradient, together and apart, equal the definition, the same bits for any threads") {
  Generator generator(6);
  for (int trial = 0; trial < 60; ++trial) {
    const auto pick = [&](index_t most) { return 1 + generator.below(most); };
    const kernels::CrossEntropyShape s{pick(9), pick(trial % 3 == 0 ? 300 : 70), trial % 4 == 0 ? pick(40) : 1};
    const bool weighted = trial % 5 == 1;
    const double smoothing = trial % 7 == 2 ? 0.1 : 0;
    check<float>(s, weighted, smoothing, generator, 2e-6);
    check<double>(s, weighted, smoothing, generator, 1e-13);
  }
  check<float>({70, 8000, 1}, false, 0, generator, 2e-6);
}

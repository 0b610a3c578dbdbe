#pragma once
// Generator: a counter-based random number generator, and tensors filled from it. Same seed, same bits, everywhere.

#include <array>
#include <cmath>
#include <vector>

#include <limn/core/tensor.hpp>
#include <limn_kernels/parallel.hpp>

namespace limn::inline LIMN_ABI {

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Number i of the
/// sequence depends on (seed, i) alone, so threads can fill any part of a tensor independently, and the state is two
/// words.
class Generator {
 public:
  struct State {
    std::uint64_t seed = 0, position = 0;
    friend bool operator==(const State&, const State&) = default;
  };

  explicit Generator(std::uint64_t seed = 0) : state_{seed, 0} {}
  [[nodiscard]] State state() const { return state_; }
  void set_state(State state) { state_ = state; }

  /// Four words: block `block` of the sequence of `seed`.
  [[nodiscard]] static std::array<std::uint32_t, 4> block(std::uint64_t seed, std::uint64_t block) {
    std::uint32_t key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
    std::uint32_t c0 = static_cast<std::uint32_t>(block), c1 = static_cast<std::uint32_t>(block >> 32), c2 = 0, c3 = 0;
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0, p1 = std::uint64_t{0xCD9E8D57u} * c2;
      const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ key0, n1 = static_cast<std::uint32_t>(p1);
      const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ key1, n3 = static_cast<std::uint32_t>(p0);
      c0 = n0, c1 = n1, c2 = n2, c3 = n3;
      key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
    }
    return {c0, c1, c2, c3};
  }

  /// Takes `count` consecutive blocks of four words out of the sequence; returns the index of the first.
  std::uint64_t take_blocks(index_t count) {
    const std::uint64_t first = state_.position;
    state_.position += static_cast<std::uint64_t>(count);
    return first;
  }

  /// 64 random bits.
  [[nodiscard]] std::uint64_t next() {
    const auto words = block(state_.seed, take_blocks(1));
    return (std::uint64_t{words[1]} << 32) | words[0];
  }
  /// Uniform in [0, 1), 53 bits.
  [[nodiscard]] double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  /// Uniform in {0, ..., n - 1}; n > 0. Without bias (Lemire 2019, multiply and reject).
  [[nodiscard]] index_t below(index_t n) {
    __extension__ typedef unsigned __int128 Wide;
    const auto range = static_cast<std::uint64_t>(n);
    for (;;) {
      const auto product = static_cast<Wide>(next()) * range;
      if (static_cast<std::uint64_t>(product) >= (0 - range) % range) return static_cast<index_t>(product >> 64);
    }
  }

 private:
  State state_;
};

namespace detail {

/// Calls fill(i, words) for element i of n, with two fresh 32-bit words each; two elements a block.
template <class Fill>
void for_random(index_t n, Generator& generator, Fill&& fill) {
  const std::uint64_t seed = generator.state().seed, first = generator.take_blocks((n + 1) / 2);
  kernels::parallel_for((n + 1) / 2, 4096, [&](index_t begin, index_t end) {
    for (index_t pair = begin; pair < end; ++pair) {
      const auto words = Generator::block(seed, first + static_cast<std::uint64_t>(pair));
      fill(2 * pair, words[0], words[1]);
      if (2 * pair + 1 < n) fill(2 * pair + 1, words[2], words[3]);
    }
  });
}

}  // namespace detail

/// Independent uniform values in [low, high).
template <class T = float>
[[nodiscard]] Tensor<T> uniform(const Shape& shape, Generator& generator, double low = 0, double high = 1) {
  Tensor<T> y(shape);
  T* data = y.data();
  detail::for_random(y.numel(), generator, [&](index_t i, std::uint32_t a, std::uint32_t b) {
    const double u = static_cast<double>((std::uint64_t{a} << 21) ^ (b >> 11)) * 0x1p-53;
    data[i] = static_cast<T>(static_cast<compute_t<T>>(low + (high - low) * u));
    if (static_cast<double>(static_cast<compute_t<T>>(data[i])) >= high && high > low)
      data[i] = static_cast<T>(static_cast<compute_t<T>>(low));
  });
  return y;
}

/// Independent normal values (Box and Muller 1958).
template <class T = float>
[[nodiscard]] Tensor<T> normal(const Shape& shape, Generator& generator, double mean = 0, double deviation = 1) {
  Tensor<T> y(shape);
  T* data = y.data();
  detail::for_random(y.numel(), generator, [&](index_t i, std::uint32_t a, std::uint32_t b) {
    const double radius = std::sqrt(-2 * std::log((static_cast<double>(a) + 1) * 0x1p-32));
    const double angle = 6.283185307179586 * (static_cast<double>(b) * 0x1p-32);
    data[i] = static_cast<T>(static_cast<compute_t<T>>(mean + deviation * radius * std::cos(angle)));
  });
  return y;
}

/// 0 .. n-1 in random order (Fisher and Yates).
[[nodiscard]] inline std::vector<index_t> permutation(index_t n, Generator& generator) {
  std::vector<index_t> order(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  for (index_t i = n - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(generator.below(i + 1))]);
  return order;
}

}  // namespace limn::inline LIMN_ABI

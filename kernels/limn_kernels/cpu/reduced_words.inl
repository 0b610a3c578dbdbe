// Numbers in reduced precision for one instruction set: what a step of a sum does with a word of them, and how floats
// become words. The register tile is in reduced_precision.inl.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Words: what one step of the sum takes of one row or column. Two bf16 or four bytes, the first in the lowest bits.
using Words = Vec<std::int32_t>;
inline constexpr index_t reduced_columns = 2 * lanes<std::int32_t>;

// What a step does with a word of A (x) and a vector of words of B (w). Where the processor has no such instruction,
// the numbers are taken apart and the step has two parts; A is then stored apart, so that a part is one word again.
struct Bf16Widened {
  using Sum = float;
  static constexpr index_t parts = 2;
  LIMN_INLINE static Words of_x(index_t part, Words w) { return part == 0 ? w << 16 : w & -65536; }
  LIMN_INLINE static Words of_w(index_t part, Words w) {
    if (part == 0) return w << 16;
    // The mask comes from memory each time: with 16 registers there is none for it.
    alignas(64) static constexpr std::int32_t upper_halves[16] = {-65536, -65536, -65536, -65536, -65536, -65536,
                                                                  -65536, -65536, -65536, -65536, -65536, -65536,
                                                                  -65536, -65536, -65536, -65536};
    const std::int32_t* mask = upper_halves;
    asm volatile("" : "+r"(mask));
    return w & load<std::int32_t>(mask);
  }
  LIMN_INLINE static Vec<Sum> add(Vec<Sum> sum, Words x, Words w) {
    return sum + bits_as<Vec<float>>(x) * bits_as<Vec<float>>(w);
  }
};
struct BytesWidened {
  using Sum = std::int32_t;
  static constexpr index_t parts = 2;
  LIMN_INLINE static Words of_x(index_t part, Words w) { return (part == 0 ? w : w >> 8) & 0x00ff00ff; }
  LIMN_INLINE static Words of_w(index_t part, Words w) {
    const auto halves = bits_as<Vec<std::int16_t>>(w);
    return bits_as<Words>((part == 0 ? halves << 8 : halves) >> 8);
  }
  LIMN_INLINE static Vec<Sum> add(Vec<Sum> sum, Words x, Words w) { return sum + dot_pairs(x, w); }
};
#if defined(__x86_64__) && LIMN_VECTOR_BYTES >= 32
struct BytesDots {
  using Sum = std::int32_t;
  static constexpr index_t parts = 1;
  LIMN_INLINE static Words of_x(index_t, Words w) { return w; }
  LIMN_INLINE static Words of_w(index_t, Words w) { return w; }
  LIMN_INLINE static Vec<Sum> add(Vec<Sum> sum, Words x, Words w) { return dot_bytes(sum, x, w); }
};
#endif
#if LIMN_VECTOR_BYTES == 64
struct Bf16Dots : BytesDots {
  using Sum = float;
  LIMN_INLINE static Vec<Sum> add(Vec<Sum> sum, Words x, Words w) { return dot_bf16(sum, x, w); }
};
#endif

/// The ways of E: Dots where the processor has the instruction.
template <class E>
struct ArithmeticOf {
  using Widened = Bf16Widened;
#if LIMN_VECTOR_BYTES == 64
  using Dots = Bf16Dots;
#else
  using Dots = Bf16Widened;
#endif
};
template <>
struct ArithmeticOf<std::int8_t> {
  using Widened = BytesWidened;
#if defined(__x86_64__) && LIMN_VECTOR_BYTES >= 32
  using Dots = BytesDots;
#else
  using Dots = BytesWidened;
#endif
};

/// The lanes 0, 2, 4, ... of a, then of b.
template <std::size_t... I>
LIMN_INLINE Words even_words(Words a, Words b, std::index_sequence<I...>) {
  return shuffled(a, b, std::index_sequence<2 * I...>());
}
/// x as bf16 in the upper half of each lane, rounded as detail::bf16_bits does; the lower half is anything.
LIMN_INLINE Vec<std::uint32_t> rounded_bf16(Vec<float> x) {
  const auto bits = bits_as<Vec<std::uint32_t>>(x);
  const Vec<std::uint32_t> rounded = bits + 0x7fffu + ((bits >> 16) & 1u), quiet = bits | 0x400000u;
  return x == x ? rounded : quiet;
}
/// x * inverse, rounded to the nearest whole number (ties to even), + offset, in the lowest byte of each lane.
LIMN_INLINE Words rounded_byte(Vec<float> x, float inverse, std::int32_t offset) {
  // The product is rounded before the sum, which has no bits behind the point (1.5 * 2^23): no FMA, so that all
  // instruction sets agree.
  const Vec<float> shifted = in_register<float>(x * inverse) + 12582912.f;
  return (bits_as<Words>(shifted) + (offset - 0x4b400000)) & 0xff;
}

/// The next lanes words of a row.
LIMN_INLINE Words pack_words(const float* x, float, std::int32_t, bf16) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<float>)>{};
  using Wide = Vec<std::uint64_t>;
  Words half[2];
  LIMN_UNROLLED for (index_t i = 0; i < 2; ++i) {
    const Wide pair = bits_as<Wide>(rounded_bf16(load<float>(x + i * lanes<float>)));
    half[i] = bits_as<Words>(((pair >> 16) & 0xffffu) | ((pair >> 32) & 0xffff0000u));
  }
  return even_words(half[0], half[1], all);
}
LIMN_INLINE Words pack_words(const float* x, float inverse, std::int32_t offset, std::int8_t) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<float>)>{};
  using Wide = Vec<std::uint64_t>;
  Words half[2];
  LIMN_UNROLLED for (index_t i = 0; i < 2; ++i) {
    Words quarter[2];
    LIMN_UNROLLED for (index_t q = 0; q < 2; ++q) {
      const Wide pair = bits_as<Wide>(rounded_byte(load<float>(x + (2 * i + q) * lanes<float>), inverse, offset));
      quarter[q] = bits_as<Words>(pair | (pair >> 24));  // above the lowest 16 bits of an even lane: anything
    }
    const Wide pair = bits_as<Wide>(even_words(quarter[0], quarter[1], all) & 0xffff);
    half[i] = bits_as<Words>(pair | (pair >> 16));
  }
  return even_words(half[0], half[1], all);
}

/// y = the words of k numbers; those of the last word that are missing count as 0. Up to lanes - 1 words behind are
/// written. inverse, offset: as in rounded_byte.
template <class E>
void reduced_pack_row(index_t k, const float* x, float inverse, std::int32_t offset, std::int32_t* y) {
  constexpr index_t block = lanes<float> * 4 / static_cast<index_t>(sizeof(E));
  index_t p = 0;
  for (; p + block <= k; p += block, y += lanes<float>) store<std::int32_t>(y, pack_words(x + p, inverse, offset, E{}));
  if (p == k) return;
  alignas(LIMN_VECTOR_BYTES) float rest[block] = {};
  for (index_t i = 0; p + i < k; ++i) rest[i] = x[p + i];
  store<std::int32_t>(y, pack_words(rest, inverse, offset, E{}));
}

/// Where a step has two parts: the words of a row become twice as many, in place.
template <class E>
void reduced_take_apart(index_t steps, std::int32_t* y) {
  using Kind = typename ArithmeticOf<E>::Widened;
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<float>)>{};
  for (index_t s = (steps - 1) / lanes<float> * lanes<float>; s >= 0; s -= lanes<float>) {
    const Words w = load<std::int32_t>(y + s), first = Kind::of_x(0, w), second = Kind::of_x(1, w);
    store<std::int32_t>(y + 2 * s, interleave<false, std::int32_t>(first, second, all));
    store<std::int32_t>(y + 2 * s + lanes<float>, interleave<true, std::int32_t>(first, second, all));
  }
}

/// The largest |x| of k numbers, as bits: above 0x7f7fffff where one is not finite.
template <class T>
std::int32_t reduced_magnitude(index_t k, const T* x) {
  Words most[4] = {};  // four at a time: one would wait for itself
  index_t p = 0;
  for (; p + 4 * lanes<T> <= k; p += 4 * lanes<T>)
    LIMN_UNROLLED for (index_t i = 0; i < 4; ++i) most[i] =
        vmax(most[i], bits_as<Words>(load<T>(x + p + i * lanes<T>)) & 0x7fffffff);
  for (; p + lanes<T> <= k; p += lanes<T>) most[0] = vmax(most[0], bits_as<Words>(load<T>(x + p)) & 0x7fffffff);
  if (p < k) most[0] = vmax(most[0], bits_as<Words>(load_first<T>(x + p, k - p)) & 0x7fffffff);
  return reduce_max<std::int32_t>(vmax(vmax(most[0], most[1]), vmax(most[2], most[3])));
}

/// A panel of bf16 [steps, reduced_columns] from rows that lie along the columns: b(p, j) = b[p * ldb + j] for p < k,
/// j < columns; the rest is 0.
template <class T>
void reduced_pack_panel(index_t k, index_t columns, const T* b, index_t ldb, std::int32_t* y) {
  for (index_t p = 0; p < k; p += 2)
    for (index_t j = 0; j < reduced_columns; j += lanes<T>, y += lanes<T>) {
      const T* at = b + p * ldb + j;
      Vec<T> even{}, odd{};
      if (j + lanes<T> <= columns) {
        even = load<T>(at);
        if (p + 1 < k) odd = load<T>(at + ldb);
      } else if (j < columns) {
        even = load_first<T>(at, columns - j);
        if (p + 1 < k) odd = load_first<T>(at + ldb, columns - j);
      }
      store<std::int32_t>(y, bits_as<Words>((rounded_bf16(even) >> 16) | (rounded_bf16(odd) & 0xffff0000u)));
    }
}
/// The same of either kind of number from words whose rows lie along k: w [reduced_columns, steps], w_row apart.
template <class E>
void reduced_turn_panel(index_t steps, const E* w, index_t w_row, E* y) {
  gemm_transpose<E>(reduced_columns, steps, w, w_row, y, reduced_columns);
}

template <class T>
index_t reduced_panel_columns() {
  return 2 * lanes<T>;
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

// Planes whose rows are short beside a vector of 16 lanes: rows lie end to end in the lanes, as they do in memory, so
// that 7 x 7 outputs are four vectors instead of seven. What a row of x gives to the rows above and below it is a sum
// of its own, moved there in registers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// For rows of up to so many elements (stride 2: pairs of rows of twice as many), planes of up to so many vectors.
inline constexpr index_t depthwise_flat_width = 12, depthwise_flat_vectors = 9;

[[nodiscard]] inline bool depthwise_is_flat(const Conv2dShape& s) {
  if (s.kh != 3 || s.pad_top != 1 || s.pad_left != 1 || s.oh != (s.h - 1) / s.stride_h + 1 ||
      s.ow != (s.w - 1) / s.stride_w + 1)
    return false;
  if (s.stride_h == 1) return s.w <= depthwise_flat_width && s.h * s.w <= 16 * depthwise_flat_vectors;
  return s.w % 2 == 0 && s.w <= 16;
}

#if LIMN_VECTOR_BYTES == 64

/// What one row of x gives to one row of y. A sum of its own: nine in a row would wait for one another.
LIMN_INLINE Vec<float> depthwise_flat_row(const Vec<float>* w, const Vec<float>* tap) {
  Vec<float> sum = w[0] * tap[0];
  sum += w[1] * tap[1];
  sum += w[2] * tap[2];
  return sum;
}
LIMN_INLINE Vec<float> depthwise_kept(Vec<float> v, Vec<std::int32_t> kept) {
  return (Vec<float>)((Vec<std::int32_t>)v & kept);
}

/// Stride 1. No element outside the plane is read or written. `Vectors` of them, or any number: 0.
template <index_t Vectors>
class DepthwiseFlatPlane {
 public:
  explicit DepthwiseFlatPlane(const Conv2dShape& s)
      : size_(s.h * s.w), last_(Vectors > 0 ? Vectors - 1 : (size_ - 1) / 16) {
    for (index_t at = 0, column = 0; at < size_; ++at, column = column + 1 == s.w ? 0 : column + 1) {
      left_[at / 16][at % 16] = column == 0 ? 0 : -1;
      right_[at / 16][at % 16] = column == s.w - 1 ? 0 : -1;
    }
    for (index_t i = 0; i < 16; ++i) {
      from_above_[i] = static_cast<std::int32_t>(16 + i - s.w);
      from_below_[i] = static_cast<std::int32_t>(i + s.w);
    }
  }
  LIMN_INLINE void operator()(const float* x, const float* weight, float bias, float floor, float* y) const {
    Vec<float> w[9], tap[3];
    LIMN_UNROLLED for (index_t t = 0; t < 9; ++t) w[t] = in_register<float>(broadcast<float>(weight[t]));
    const Vec<float> start = broadcast<float>(bias), least = broadcast<float>(floor), zero{};
    const index_t last = Vectors > 0 ? Vectors - 1 : last_;
    if (last == 0)
      taps<true, true>(x, 0, tap);
    else
      taps<true, false>(x, 0, tap);
    Vec<float> above = depthwise_flat_row(w, tap), below = depthwise_flat_row(w + 6, tap);
    Vec<float> sum = start + depthwise_flat_row(w + 3, tap) + picked(zero, above, from_above_);
#pragma GCC unroll 4
    for (index_t v = 1; v < last; ++v, y += 16) {
      taps<false, false>(x, v, tap);
      const Vec<float> down = depthwise_flat_row(w, tap), up = depthwise_flat_row(w + 6, tap);
      store<float>(y, vmax(least, sum + picked(below, up, from_below_)));
      sum = start + depthwise_flat_row(w + 3, tap) + picked(above, down, from_above_);
      above = down;
      below = up;
    }
    if (last > 0) {
      taps<false, true>(x, last, tap);
      const Vec<float> down = depthwise_flat_row(w, tap), up = depthwise_flat_row(w + 6, tap);
      store<float>(y, vmax(least, sum + picked(below, up, from_below_)));
      sum = start + depthwise_flat_row(w + 3, tap) + picked(above, down, from_above_);
      below = up;
      y += 16;
    }
    store_first<float>(y, vmax(least, sum + picked(below, zero, from_below_)), size_ - last_ * 16);
  }

 private:
  template <bool First, bool Last>
  LIMN_INLINE void taps(const float* x, index_t vector, Vec<float>* tap) const {
    constexpr auto all = std::make_index_sequence<16>();
    const index_t count = size_ - last_ * 16;
    const float* p = x + vector * 16;
    tap[1] = in_register<float>(Last ? load_first<float>(p, count) : load<float>(p));
    const Vec<float> left = First  ? lanes_from<15>(Vec<float>{}, tap[1], all)
                            : Last ? load_first<float>(p - 1, count < 16 ? count + 1 : 16)
                                   : load<float>(p - 1);
    const Vec<float> right = Last ? lanes_from<1>(tap[1], Vec<float>{}, all) : load<float>(p + 1);
    tap[0] = in_register<float>(depthwise_kept(left, left_[vector]));
    tap[2] = in_register<float>(depthwise_kept(right, right_[vector]));
  }

  index_t size_, last_;  // elements of a plane, its last vector
  Vec<std::int32_t> left_[depthwise_flat_vectors] = {}, right_[depthwise_flat_vectors] = {};
  Vec<std::int32_t> from_above_{}, from_below_{};  // lanes of two neighbouring vectors: a row before, a row behind
};

/// Stride 2, rows of 2 ow elements: what the taps of a row of the kernel read of a pair of rows of x, the first row's
/// in the lower lanes, the second's behind them.
class DepthwiseFlatPairTaps {
 public:
  explicit DepthwiseFlatPairTaps(const Conv2dShape& s) {
    const auto half = static_cast<std::int32_t>(s.ow);
    for (std::int32_t i = 0; i < 16; ++i) left_[i] = i == 0 || i == half ? 16 : i - 1;
  }
  /// The `count` elements of x at p, 2 w of them or w.
  LIMN_INLINE void read(const float* p, index_t count, Vec<float>* tap) const {
    constexpr auto all = std::make_index_sequence<16>();
    const Vec<float> a = load_first<float>(p, count < 16 ? count : 16),
                     b = load_first<float>(p + 16, count < 16 ? 0 : count - 16);
    tap[2] = odd_lanes(a, b, all);
    tap[1] = even_lanes(a, b, all);
    tap[0] = picked(tap[2], Vec<float>{}, left_);
  }

 private:
  Vec<std::int32_t> left_{};
};

/// Stride 2: two rows of x, the second of which the next row of y reads, too. `Rows` of x, or any number: 0.
template <index_t Rows>
class DepthwiseFlatPairs {
 public:
  explicit DepthwiseFlatPairs(const Conv2dShape& s) : taps_(s), h_(s.h), w_(s.w) {
    const auto half = static_cast<std::int32_t>(s.ow);
    for (std::int32_t i = 0; i < 16; ++i) {
      upper_[i] = i < half ? 0 : -1;
      first_[i] = i < half ? i : i - half + 16;
      second_[i] = i < half ? i + half : i + 16;
    }
  }
  LIMN_INLINE void operator()(const float* x, const float* weight, float bias, float floor, float* y) const {
    Vec<float> near[3], next[3];
    LIMN_UNROLLED for (index_t j = 0; j < 3; ++j) {
      near[j] = in_register<float>(upper_ ? broadcast<float>(weight[6 + j]) : broadcast<float>(weight[3 + j]));
      next[j] = in_register<float>(broadcast<float>(weight[j]));
    }
    const Vec<float> start = upper_ ? Vec<float>{} : broadcast<float>(bias), least = broadcast<float>(floor);
    Vec<float> carried = start;
    const index_t pair = 2 * w_;
    index_t rows = Rows > 0 ? Rows : h_;  // of x that are left
#pragma GCC unroll 4
    for (; rows >= 4; rows -= 4, x += 2 * pair, y += w_) {
      const Vec<float> one = row(x, pair, near, next, start, carried),
                       two = row(x + pair, pair, near, next, start, carried);
      store_first<float>(y, vmax(least, picked(one, two, first_) + picked(one, two, second_)), w_);
    }
    if (rows >= 2) {
      const Vec<float> one = row(x, pair, near, next, start, carried);
      store_first<float>(y, vmax(least, picked(one, one, first_) + picked(one, one, second_)), w_ / 2);
      x += pair;
      y += w_ / 2;
    }
    if (rows % 2 == 1) {
      const Vec<float> one = row(x, w_, near, next, start, carried);
      store_first<float>(y, vmax(least, picked(one, one, first_) + picked(one, one, second_)), w_ / 2);
    }
  }

 private:
  /// Half the sum of a row of y in the lower lanes, half in the upper ones.
  LIMN_INLINE Vec<float> row(const float* x, index_t count, const Vec<float>* near, const Vec<float>* next,
                             Vec<float> start, Vec<float>& carried) const {
    Vec<float> tap[3];
    taps_.read(x, count, tap);
    const Vec<float> sum = carried + depthwise_flat_row(near, tap);
    carried = upper_ ? depthwise_flat_row(next, tap) : start;
    return sum;
  }

  DepthwiseFlatPairTaps taps_;
  index_t h_, w_;
  Vec<std::int32_t> upper_{}, first_{}, second_{};
};

#endif

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

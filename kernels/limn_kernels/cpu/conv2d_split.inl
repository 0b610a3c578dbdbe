// Planes of x laid out as DirectLayout says, for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// A row of x without padding, whose columns of each phase go to[v * phase + q] = x[q * step + v] for v < phases, q <
/// count: turned over in registers.
template <class T>
void conv2d_split_row(const T* x, index_t step, index_t phases, index_t count, T* to, index_t phase) {
  constexpr index_t size = lanes<T>;
  for (index_t q = 0; q < count; q += size)
    for (index_t v = 0; v < phases; v += size) {
      const index_t high = count - q < size ? count - q : size, wide = phases - v < size ? phases - v : size;
      Vec<T> r[size];
      LIMN_UNROLLED for (index_t i = 0; i < size; ++i) r[i] =
          i < high ? load_first<T>(x + (q + i) * step + v, wide) : Vec<T>{};
      transpose_block<T>(r);
      LIMN_UNROLLED for (index_t i = 0; i < size; ++i) if (i < wide)
          store_first<T>(to + (v + i) * phase + q, r[i], high);
    }
}

/// Zeros from to[begin] to to[end - 1] and up to a vector's end.
template <class T>
LIMN_INLINE void conv2d_split_zeros(index_t begin, index_t end, Vec<T> zero, T* to) {
  for (index_t i = begin; i < end; i += lanes<T>) store<T>(to + i, zero);
}

/// Rows of x as they are, with zeros beside.
template <class T>
class SplitWhole {
 public:
  static constexpr bool exact = false;
  SplitWhole(const Conv2dShape& s, const DirectLayout& d) : before_(s.pad_left), pitch_(d.pitch) {
    inside_ = s.w < pitch_ - before_ ? s.w : pitch_ - before_;
  }
  [[nodiscard]] static bool takes(const Conv2dShape& s, const DirectLayout& d) {
    return s.stride_w == 1 && s.pad_left >= 0 && s.pad_left < d.pitch;
  }
  LIMN_INLINE void split(const T* x, index_t readable, Vec<T> zero, T* to) const {
    const index_t before = before_, inside = inside_, pitch = pitch_;
    conv2d_split_zeros<T>(0, before, zero, to);
    index_t i = 0;
    for (; i < inside && i + lanes<T> <= readable; i += lanes<T>) store<T>(to + before + i, load<T>(x + i));
    if (i < inside) store<T>(to + before + i, load_first<T>(x + i, inside - i));
    conv2d_split_zeros<T>(before + inside, pitch, zero, to);
  }

 private:
  index_t before_, inside_, pitch_;
};

/// With stride 2, the even and the odd columns of x: `before` zeros, so many, in each of two phases.
template <class T>
class SplitPairs {
 public:
  static constexpr bool exact = false;
  SplitPairs(const Conv2dShape& s, const DirectLayout& d) : pitch_(d.pitch) {
    for (index_t odd = 0; odd < 2; ++odd) {
      const index_t v = (s.pad_left + odd) % 2, shift = (s.pad_left + odd - v) / 2, there = (s.w - odd + 1) / 2;
      phase_[odd] = v * d.rows * d.pitch;
      before_[odd] = shift < d.pitch ? shift : d.pitch;
      const index_t left = d.pitch - before_[odd];
      inside_[odd] = there < left ? there : left;
    }
    const index_t both = inside_[0] < inside_[1] ? inside_[0] : inside_[1];
    whole_ = both / lanes<T> * lanes<T>;
    last_ = inside_[0] > whole_ || inside_[1] > whole_;
    const index_t rest = s.w - 2 * whole_, beyond = rest - lanes<T>;
    even_ = lanes_between(0, rest < lanes<T> ? rest : lanes<T>);
    odd_ = lanes_between(0, beyond < 0 ? 0 : beyond < lanes<T> ? beyond : lanes<T>);
  }
  [[nodiscard]] static bool takes(const Conv2dShape& s, const DirectLayout& d) {
    return s.stride_w == 2 && d.phases_w == 2 && s.pad_left >= 0;
  }
  LIMN_INLINE void split(const T* x, index_t, Vec<T> zero, T* to) const {
    constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<T>)>();
    T *const even = to + phase_[0], *const odd = to + phase_[1];
    conv2d_split_zeros<T>(0, before_[0], zero, even);
    conv2d_split_zeros<T>(0, before_[1], zero, odd);
    T *const evens = even + before_[0], *const odds = odd + before_[1];
    const index_t whole = whole_;
    for (index_t i = 0; i < whole; i += lanes<T>) {
      const Vec<T> a = load<T>(x + 2 * i), b = load<T>(x + 2 * i + lanes<T>);
      store<T>(evens + i, even_lanes(a, b, all));
      store<T>(odds + i, odd_lanes(a, b, all));
    }
    if (last_) {
      const Vec<T> a = load_between<T>(x + 2 * whole, even_), b = load_between<T>(x + 2 * whole + lanes<T>, odd_);
      store<T>(evens + whole, even_lanes(a, b, all));
      store<T>(odds + whole, odd_lanes(a, b, all));
    }
    conv2d_split_zeros<T>(before_[0] + inside_[0], pitch_, zero, even);
    conv2d_split_zeros<T>(before_[1] + inside_[1], pitch_, zero, odd);
  }

 private:
  index_t pitch_, phase_[2], before_[2], inside_[2], whole_;
  bool last_;
  LaneRange even_, odd_;
};

/// Wide strides, nothing padded.
template <class T>
class SplitTurned {
 public:
  static constexpr bool exact = true;
  SplitTurned(const Conv2dShape& s, const DirectLayout& d)
      : stride_(s.stride_w), phases_(d.phases_w), pitch_(d.pitch), phase_(d.rows * d.pitch) {}
  [[nodiscard]] static bool takes(const Conv2dShape& s, const DirectLayout& d) {
    return s.stride_w >= 4 && s.pad_left == 0 && (d.pitch - 1) * s.stride_w + d.phases_w <= s.w;
  }
  LIMN_INLINE void split(const T* x, index_t, Vec<T>, T* to) const {
    conv2d_split_row<T>(x, stride_, phases_, pitch_, to, phase_);
  }

 private:
  index_t stride_, phases_, pitch_, phase_;
};

/// Anything else, and the last rows of a phase.
template <class T>
class SplitClipped {
 public:
  static constexpr bool exact = true;
  SplitClipped(const Conv2dShape& s, const DirectLayout& d)
      : w_(s.w),
        pad_(s.pad_left),
        stride_(s.stride_w),
        phases_(d.phases_w),
        pitch_(d.pitch),
        phase_(d.rows * d.pitch) {}
  LIMN_INLINE void split(const T* x, index_t, Vec<T>, T* to) const {
    for (index_t v = 0; v < phases_; ++v, to += phase_) copy_clipped<T>(x, w_, v - pad_, stride_, pitch_, to);
  }

 private:
  index_t w_, pad_, stride_, phases_, pitch_, phase_;
};

/// Row by row as `Way` has it, which, unless it is exact, may write a vector beyond a row's end, where the next rows
/// are written later.
template <class Way, class T>
LIMN_INLINE void conv2d_split_rows(const Conv2dShape& s, const DirectLayout& d, index_t first, const T* x, T* split) {
  constexpr index_t line = 64 / static_cast<index_t>(sizeof(T));
  const Way way(s, d);
  const index_t w = s.w, h = s.h, rows = d.rows, pitch = d.pitch, phase = rows * pitch, phases_h = d.phases_h,
                phases_w = d.phases_w;
  const Vec<T> zero = in_register<T>(Vec<T>{});
  index_t iy = first * s.stride_h - s.pad_top;
  for (index_t r = 0; r < rows; ++r, iy += s.stride_h - phases_h)
    for (index_t u = 0; u < phases_h; ++u, ++iy) {
      const bool loose = (rows - 1 - r) * pitch >= lanes<T>;
      const T* from = x + iy * w;
      T* to = split + u * phases_w * phase + r * pitch;
      if (iy >= 0 && iy < h) {
        for (index_t q = 0; q < w; q += line) __builtin_prefetch(from + 4 * w + q);
        if (Way::exact || loose)
          way.split(from, (h - iy) * w, zero, to);
        else
          SplitClipped<T>(s, d).split(from, 0, zero, to);
      } else {
        for (index_t v = 0; v < phases_w; ++v, to += phase)
          if (loose)
            conv2d_split_zeros<T>(0, pitch, zero, to);
          else
            for (index_t q = 0; q < pitch; ++q) to[q] = T(0);
      }
    }
}

/// One plane x [h, w] as DirectLayout says: the rows `first` to `first + d.rows` of every phase.
template <class T>
void conv2d_split(const Conv2dShape& s, const DirectLayout& d, index_t first, const T* x, T* split) {
  if (SplitWhole<T>::takes(s, d)) return conv2d_split_rows<SplitWhole<T>>(s, d, first, x, split);
  if (SplitPairs<T>::takes(s, d)) return conv2d_split_rows<SplitPairs<T>>(s, d, first, x, split);
  if (SplitTurned<T>::takes(s, d)) return conv2d_split_rows<SplitTurned<T>>(s, d, first, x, split);
  conv2d_split_rows<SplitClipped<T>>(s, d, first, x, split);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

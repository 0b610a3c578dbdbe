// What the columns of a data gradient add up to, for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Of a row of columns [kw, pitch]: those that a vector of one row of dx reads for one column of the kernel.
struct ColumnTap {
  index_t offset;
  LaneRange lanes;
};

/// The taps of the vector of dx's columns phase + stride * (x, x + 1, ...); returns how many.
template <class T>
index_t conv2d_column_taps(const Conv2dShape& s, index_t pitch, index_t phase, index_t x, ColumnTap* taps) {
  index_t count = 0;
  for (index_t j = 0; j < s.kw; ++j) {
    const index_t right = phase + s.pad_left - j * s.dilation_w;
    if (right % s.stride_w != 0) continue;
    const index_t from = x + right / s.stride_w;  // of dy's row; may lie outside
    const index_t first = from < 0 ? -from : 0, last = s.ow - from < lanes<T> ? s.ow - from : lanes<T>;
    if (first < last) taps[count++] = {j * pitch + from, lanes_between(first, last)};
  }
  return count;
}

/// dx [channels, h, w] = the sums of columns [channels, kh, kw, oh, ow], `pitch` apart; row y of a plane reads those
/// rows of each column of the kernel that read[first[y]] and on say. Gathered, so that a sum is written once. (Added to
/// rows in memory, narrow ones wait for one another: a masked store is not forwarded to a load.)
template <class T>
void conv2d_add_columns(const Conv2dShape& s, const index_t* first, const index_t* read, index_t channels,
                        index_t pitch, const T* columns, T* dx) {
  const index_t h = s.h, w = s.w, stride = s.stride_w, column = s.kh * s.kw * pitch;
  const Scratch<ColumnTap> taps(s.kw);
  const ColumnTap* const tap = taps.data();
  for (index_t phase = 0; phase < stride && phase < w; ++phase) {
    const index_t wide = (w - phase + stride - 1) / stride;
    for (index_t x = 0; x < wide; x += lanes<T>) {
      const index_t across = conv2d_column_taps<T>(s, pitch, phase, x, taps.data());
      const index_t n = wide - x < lanes<T> ? wide - x : lanes<T>;
      const LaneRange written = lanes_between(0, n);
      T* to = dx + phase + x * stride;
      for (index_t c = 0; c < channels; ++c)
        for (index_t y = 0; y < h; ++y, to += w) {
          Vec<T> sum{};
          for (index_t r = first[y]; r < first[y + 1]; ++r) {
            const T* row = columns + c * column + read[r];
            for (index_t t = 0; t < across; ++t) sum += load_between<T>(row + tap[t].offset, tap[t].lanes);
          }
          if (stride == 1) {
            store_between<T>(to, sum, written);
            continue;
          }
          T lane[lanes<T>];
          store<T>(lane, sum);
          for (index_t q = 0; q < n; ++q) to[q * stride] = lane[q];
        }
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

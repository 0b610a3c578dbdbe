// The inner loops of conv2d.hpp for one instruction set: panels of image patches for gemm_block, rows of a depthwise convolution.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// to[i] = x[from + i * step] for i < count, zero where the position leaves [0, extent).
template <class T>
LIMN_INLINE void copy_clipped(const T* x, index_t extent, index_t from, index_t step, index_t count, T* to) {
  if (step == 1) {
    const index_t before = from < 0 ? (-from < count ? -from : count) : 0;
    index_t inside = extent - (from + before);
    inside = inside < 0 ? 0 : inside < count - before ? inside : count - before;
    for (index_t i = 0; i < before; ++i) to[i] = T(0);
    if (inside == 2 * lanes<T>) {
      store<T>(to + before, load<T>(x + from + before));
      store<T>(to + before + lanes<T>, load<T>(x + from + before + lanes<T>));
    } else {
      index_t i = 0;
      for (; i + lanes<T> <= inside; i += lanes<T>) store<T>(to + before + i, load<T>(x + from + before + i));
      for (; i < inside; ++i) to[before + i] = x[from + before + i];
    }
    for (index_t i = before + inside; i < count; ++i) to[i] = T(0);
    return;
  }
  for (index_t i = 0, at = from; i < count; ++i, at += step) to[i] = at >= 0 && at < extent ? x[at] : T(0);
}

/// One panel of B for gemm: row p (of [first_row, first_row + rows), p = (channel, i, j)) holds what the `count` <= gemm_columns
/// output pixels from `pixel` on read there; the rest of each row is zero. x is one group's image [channels, h, w].
template <class T>
void conv2d_pack_panel(const Conv2dShape& s, const T* x, index_t first_row, index_t rows, index_t pixel, index_t count, T* panel) {
  constexpr index_t width = gemm_columns<T>;
  for (index_t done = 0; done < count;) {
    const index_t oy = (pixel + done) / s.ow, ox = (pixel + done) % s.ow;
    const index_t run = s.ow - ox < count - done ? s.ow - ox : count - done;  // pixels of one output row
    index_t channel = first_row / (s.kh * s.kw), i = first_row / s.kw % s.kh, j = first_row % s.kw;
    for (index_t p = 0; p < rows; ++p) {
      const index_t iy = oy * s.stride_h - s.pad_top + i * s.dilation_h;
      T* to = panel + p * width + done;
      if (iy < 0 || iy >= s.h)
        for (index_t q = 0; q < run; ++q) to[q] = T(0);
      else
        copy_clipped<T>(x + (channel * s.h + iy) * s.w, s.w, ox * s.stride_w - s.pad_left + j * s.dilation_w, s.stride_w, run, to);
      if (++j == s.kw) {
        j = 0;
        if (++i == s.kh) {
          i = 0;
          ++channel;
        }
      }
    }
    done += run;
  }
  if (count < width)
    for (index_t p = 0; p < rows; ++p)
      for (index_t q = count; q < width; ++q) panel[p * width + q] = T(0);
}

/// columns[p, q] for p < rows, q < count: the same patches as a plain matrix whose rows are `stride` apart.
template <class T>
void conv2d_columns(const Conv2dShape& s, const T* x, index_t first_row, index_t rows, index_t first_oy, index_t count_oy, T* columns) {
  for (index_t p = 0; p < rows; ++p) {
    const index_t row = first_row + p, channel = row / (s.kh * s.kw), i = row / s.kw % s.kh, j = row % s.kw;
    for (index_t oy = 0; oy < count_oy; ++oy) {
      const index_t iy = (first_oy + oy) * s.stride_h - s.pad_top + i * s.dilation_h;
      T* to = columns + (p * count_oy + oy) * s.ow;
      if (iy < 0 || iy >= s.h)
        for (index_t q = 0; q < s.ow; ++q) to[q] = T(0);
      else
        copy_clipped<T>(x + (channel * s.h + iy) * s.w, s.w, j * s.dilation_w - s.pad_left, s.stride_w, s.ow, to);
    }
  }
}

/// The transpose of conv2d_columns: adds the matrix back to the image.
template <class T>
void conv2d_add_columns(const Conv2dShape& s, const T* columns, index_t first_row, index_t rows, index_t first_oy, index_t count_oy, T* x) {
  for (index_t p = 0; p < rows; ++p) {
    const index_t row = first_row + p, channel = row / (s.kh * s.kw), i = row / s.kw % s.kh, j = row % s.kw;
    for (index_t oy = 0; oy < count_oy; ++oy) {
      const index_t iy = (first_oy + oy) * s.stride_h - s.pad_top + i * s.dilation_h;
      if (iy < 0 || iy >= s.h) continue;
      const T* from = columns + (p * count_oy + oy) * s.ow;
      T* to = x + (channel * s.h + iy) * s.w;
      const index_t start = j * s.dilation_w - s.pad_left;
      // The outputs q whose column start + q stride lies inside [0, w).
      const index_t low = start >= 0 ? 0 : (-start + s.stride_w - 1) / s.stride_w;
      const index_t high = start >= s.w ? 0 : (s.w - start + s.stride_w - 1) / s.stride_w;
      const index_t last = high < s.ow ? high : s.ow;
      index_t q = low;
      if (s.stride_w == 1)
        for (; q + lanes<T> <= last; q += lanes<T>) store<T>(to + start + q, load<T>(to + start + q) + load<T>(from + q));
      for (; q < last; ++q) to[start + q * s.stride_w] += from[q];
    }
  }
}

/// One output plane of a depthwise convolution: x [h, w], weight [kh, kw].
template <class T>
void conv2d_depthwise_plane(const Conv2dShape& s, const T* x, const T* weight, T bias, T* y) {
  for (index_t oy = 0; oy < s.oh; ++oy) {
    const index_t top = oy * s.stride_h - s.pad_top;
    T* to = y + oy * s.ow;
    // Outputs [low, high) read inside the image in every column.
    const index_t low = s.pad_left <= 0 ? 0 : (s.pad_left + s.stride_w - 1) / s.stride_w;
    const index_t reach = s.w - (s.kw - 1) * s.dilation_w + s.pad_left;  // ox * stride < reach
    index_t high = reach <= 0 ? 0 : (reach + s.stride_w - 1) / s.stride_w;
    high = high < s.ow ? high : s.ow;
    index_t ox = 0;
    while (ox < s.ow) {
      if (s.stride_w == 1 && ox >= low && ox + lanes<T> <= high) {
        Vec<T> sum = broadcast<T>(bias);
        for (index_t i = 0; i < s.kh; ++i) {
          const index_t iy = top + i * s.dilation_h;
          if (iy < 0 || iy >= s.h) continue;
          const T* row = x + iy * s.w + ox - s.pad_left;
          for (index_t j = 0; j < s.kw; ++j) sum += broadcast<T>(weight[i * s.kw + j]) * load<T>(row + j * s.dilation_w);
        }
        store<T>(to + ox, sum);
        ox += lanes<T>;
        continue;
      }
      T sum = bias;
      for (index_t i = 0; i < s.kh; ++i) {
        const index_t iy = top + i * s.dilation_h;
        if (iy < 0 || iy >= s.h) continue;
        for (index_t j = 0; j < s.kw; ++j) {
          const index_t ix = ox * s.stride_w - s.pad_left + j * s.dilation_w;
          if (ix >= 0 && ix < s.w) sum += weight[i * s.kw + j] * x[iy * s.w + ix];
        }
      }
      to[ox++] = sum;
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

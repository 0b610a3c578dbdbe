#pragma once
// The weight gradient of any convolution: products of dy with blocks of the patch matrix, which are copied from x as
// conv2d_direct.hpp lays it out.

#include <limn_kernels/cpu/conv2d_direct.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// Output rows of one block of the patch matrix: about a megabyte.
template <class T>
index_t conv2d_rows_of_block(const Conv2dShape& s, index_t field_rows) {
  return std::max<index_t>(1, std::min(s.oh, (index_t{1} << 18) / std::max<index_t>(1, field_rows * s.ow)));
}

/// Channels of one gradient task: a quarter of the group's, so that there are tasks for several threads.
inline index_t conv2d_channel_block(const Conv2dShape& s) {
  return std::max<index_t>(std::min<index_t>(8, s.channels()), (s.channels() + 3) / 4);
}

/// dw of all groups; overwrites it.
template <class T>
void conv2d_weight_gradient_columns(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const index_t pixels = s.oh * s.ow, taps = s.kh * s.kw, block = conv2d_channel_block(s),
                blocks = (s.channels() + block - 1) / block;
  const index_t output_block =
      blocks >= 4 ? s.outputs() : std::max<index_t>(std::min<index_t>(16, s.outputs()), (s.outputs() + 3) / 4);
  const index_t output_blocks = (s.outputs() + output_block - 1) / output_block;
  const index_t step = conv2d_rows_of_block<T>(s, block * taps);
  const Scratch<index_t> offset(block * taps);
  Conv2dShape of_block = s;  // of a group's channels, `block`
  of_block.c = block;
  of_block.groups = 1;
  const DirectLayout d = direct_layout(of_block, step, offset.data());
  parallel_for(s.groups * blocks * output_blocks, 1, [&](index_t begin, index_t end) {
    const Scratch<T> split(block * d.size + direct_slack), columns(block * taps * step * s.ow + direct_slack);
    std::fill_n(split.data() + block * d.size, direct_slack, T(0));
    for (index_t task = begin; task < end; ++task) {
      const index_t g = task / (blocks * output_blocks), first = task / output_blocks % blocks * block,
                    o = task % output_blocks * output_block;
      const index_t channels = std::min(block, s.channels() - first), rows = channels * taps,
                    outputs = std::min(output_block, s.outputs() - o);
      T* to = dw + (g * s.outputs() + o) * s.field() + first * taps;
      bool started = false;
      for (index_t image = 0; image < s.n; ++image)
        for (index_t oy = 0; oy < s.oh; oy += step) {
          const index_t count = std::min(step, s.oh - oy);
          for (index_t c = 0; c < channels; ++c)
            LIMN_CALL_ISA(conv2d_split<T>, s, d, oy, x + (image * s.c + g * s.channels() + first + c) * s.h * s.w,
                          split.data() + c * d.size);
          LIMN_CALL_ISA(conv2d_columns<T>, rows, d.offset, count, s.ow, d.pitch, split.data(), columns.data());
          gemm<T>({outputs, rows, count * s.ow, false, true, pixels, count * s.ow, s.field()}, T(1),
                  dy + (image * s.oc + g * s.outputs() + o) * pixels + oy * s.ow, columns.data(), T(started ? 1 : 0),
                  to);
          started = true;
        }
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu

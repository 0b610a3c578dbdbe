#pragma once
// Gradients of any convolution through the patch matrix, whose columns are the field of a pixel: dw is the product of
// dy with blocks of it, copied from x as conv2d_direct.hpp lays it out; dx is what the products of the weights with dy,
// blocks of the patches' gradient, add up to.

#include <limn_kernels/cpu/conv2d_direct.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/conv2d_columns.inl>
#include <limn_kernels/for_each_isa.hpp>

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

/// Whether conv2d_data_gradient_columns costs less than the gathered sum (conv2d_gather.hpp). It multiplies neither
/// padding nor pixels between rows, nor with a stride little parts of dy, and takes the weights as they lie; but
/// writing and adding up an element of its columns takes as long as 12 products, and a few planes are too few for
/// threads. (Measured; docs/kernels/conv2d.md.)
template <class T>
[[nodiscard]] bool conv2d_pays_data_columns(const Conv2dShape& s) {
  const index_t pixels = s.oh * s.ow, lanes = LIMN_CALL_ISA(direct_tile_pixels<T>, ) / 2;
  if (pixels == 0 || s.outputs() < 4 || pixels * s.kh * s.kw > index_t{1} << 20) return false;
  if (s.channels() == 1) return true;
  if (s.n * s.c < 8) return false;
  if (s.stride_h > 1 || s.stride_w > 1) return true;
  const index_t between = (s.h - 1) * (s.kw - 1) * s.dilation_w;
  return pixels * (s.outputs() + 12) < (s.h * s.w + between + lanes - 1) / lanes * lanes * s.outputs();
}

/// dx of all groups; overwrites it. Some channels at a time, whose columns stay in the second-level cache, of as many
/// images as make some hundred pixels: their dy is laid side by side.
template <class T>
void conv2d_data_gradient_columns(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const index_t pixels = s.oh * s.ow, taps = s.kh * s.kw, field = s.field(), outputs = s.outputs();
  const index_t together = std::clamp<index_t>(384 / pixels, 1, s.n), sets = (s.n + together - 1) / together,
                pitch = together * pixels;
  const Scratch<index_t> first(s.h + 1), read(s.h * s.kh);  // of a column of the kernel, what each row of dx reads
  index_t count = 0;
  for (index_t y = 0; y < s.h; ++y) {
    first.data()[y] = count;
    for (index_t i = 0; i < s.kh; ++i) {
      const index_t down = y + s.pad_top - i * s.dilation_h;
      if (down >= 0 && down % s.stride_h == 0 && down / s.stride_h < s.oh)
        read.data()[count++] = i * s.kw * pitch + down / s.stride_h * s.ow;
    }
  }
  first.data()[s.h] = count;
  const Scratch<T> joined(together > 1 ? sets * s.oc * pitch : 0);  // [set, output, image of the set, pixel]
  if (together > 1)
    parallel_for(s.n * s.oc, 1 + 32768 / pixels, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const index_t image = i / s.oc, output = i % s.oc;
        std::copy_n(dy + i * pixels, pixels,
                    joined.data() + (image / together * s.oc + output) * pitch + image % together * pixels);
      }
    });
  const T* const from = together > 1 ? joined.data() : dy;
  const index_t parts = std::max<index_t>(1, 8 / (sets * s.groups)),  // at least, for threads
      most = std::clamp<index_t>((index_t{1} << 17) / (pitch * taps), 1, (s.channels() + parts - 1) / parts),
                blocks = (s.channels() + most - 1) / most;
  parallel_for(sets * s.groups * blocks, 1, [&](index_t begin, index_t end) {
    const Scratch<T> columns(most * taps * pitch);
    for (index_t task = begin; task < end; ++task) {
      const index_t set = task / (s.groups * blocks), group = task / blocks % s.groups, channel = task % blocks * most,
                    channels = std::min(most, s.channels() - channel),
                    images = std::min(together, s.n - set * together);
      gemm<T>({channels * taps, images * pixels, outputs, true, false, field, pitch, pitch}, T(1),
              weight + group * outputs * field + channel * taps, from + (set * s.oc + group * outputs) * pitch, T(0),
              columns.data());
      for (index_t i = 0; i < images; ++i)
        LIMN_CALL_ISA(conv2d_add_columns<T>, s, first.data(), read.data(), channels, pitch, columns.data() + i * pixels,
                      dx + ((set * together + i) * s.c + group * s.channels() + channel) * s.h * s.w);
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu

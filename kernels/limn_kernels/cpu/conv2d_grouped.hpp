#pragma once
// Convolutions of groups of a few channels (ResNeXt's, RegNet's): lanes are a group's outputs, of gradients its
// channels.
//
// x is laid out as in conv2d_direct.hpp and broadcast, pixel by pixel, beside a vector of weights: rows of any length
// fill a register tile, and eight outputs fill their vectors. Planes of y are turned over in registers. The data
// gradient is the same of dy, phase by phase (conv2d_gather.hpp); the weight gradient turns x over and broadcasts dy.

#include <concepts>

#include <limn_kernels/cpu/channel_turns.hpp>
#include <limn_kernels/cpu/conv2d_dots.hpp>
#include <limn_kernels/cpu/conv2d_gather.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// What the pixels (r stride_h + a, q stride_w + b) of y are, q < columns: sums of `field` weights [outputs / lanes]
/// [field][lanes] times elements of x at `offset`.
struct GroupedPhase {
  index_t a, b, columns, field;
  const index_t* offset;
  const float* weight;
};
/// What is done to a group's planes: `outputs` of y, `width` elements wide and `plane` apart, of rows of x `pitch`
/// apart.
struct GroupedBand {
  index_t outputs, width, plane, pitch, stride_h, stride_w, phases;
  const GroupedPhase* phase;
};
/// The inner loops of an instruction set, beside its lanes.
struct GroupedKernels {
  index_t lanes;
  void (*pack)(index_t outputs, index_t field, const float* w, index_t w_row, float* packed);
  void (*pack_phases)(index_t channels, index_t outputs, index_t taps, const GatherPhase* phase, index_t phases,
                      const index_t* tap, const float* w, float* packed);
  void (*band)(const GroupedBand&, index_t rows, const float* x, const float* bias, float floor, float* y);
  void (*turn)(index_t size, const float* x, float* to);
  void (*weights)(const DotsBand&, index_t outputs, const index_t* offset, const float* x, const float* dy,
                  float* sums);
  void (*unpack)(index_t outputs, index_t channels, index_t taps, const float* sums, float* dw);
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/conv2d_grouped.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// The lanes for `count` channels: for a group of 8 those of 32 bytes, on processors with wider vectors too.
[[nodiscard]] inline index_t grouped_lanes(index_t count) {
  const index_t widest = LIMN_CALL_ISA(grouped_lanes, );
  return isa() == Isa::avx512 && count % widest != 0 ? widest / 2 : widest;
}
/// The loops with those lanes.
template <std::same_as<float> T>
[[nodiscard]] GroupedKernels grouped_kernels(index_t count) {
#if defined(LIMN_X86_BODIES)
  if (isa() == Isa::avx512 && grouped_lanes(count) == avx2::grouped_lanes()) return avx2::grouped_kernels<T>();
#else
  (void)count;
#endif
  return LIMN_CALL_ISA(grouped_kernels<T>, );
}
/// Groups whose few channels and outputs fill vectors. More of them are better off as products.
[[nodiscard]] inline bool is_grouped(const Conv2dShape& s) {
  const index_t channels = s.channels(), outputs = s.outputs();
  return s.groups > 1 && s.kh * s.kw > 1 && channels > 0 && channels <= 32 && outputs > 0 && outputs <= 32 &&
         channels % grouped_lanes(channels) == 0 && outputs % grouped_lanes(outputs) == 0;
}

/// What turning over may write or read behind the last block of numbers.
[[nodiscard]] inline index_t grouped_slack(const GroupedKernels& kernels) { return kernels.lanes * kernels.lanes; }

/// All groups' planes of y, `height` rows high, from those of x, of which `source` and `d` lay out `band` rows of a
/// phase at a time. phase [groups, b.phases].
template <std::same_as<float> T>
void grouped_bands(const GroupedKernels& kernels, GroupedBand b, const GroupedPhase* phase, const Conv2dShape& source,
                   const DirectLayout& d, index_t band, const T* x, const std::type_identity_t<T>* bias, T floor,
                   index_t height, T* y) {
  const index_t bands = (source.oh + band - 1) / band, channels = source.channels();
  parallel_for(source.n * source.groups * bands, 1, [&](index_t begin, index_t end) {
    const Scratch<T> split(channels * d.size);
    for (index_t task = begin; task < end; ++task) {
      const index_t first = task % bands * band, image_and_group = task / bands, g = image_and_group % source.groups;
      const index_t row = first * b.stride_h, rows = std::min(band * b.stride_h, height - row);
      for (index_t c = 0; c < channels; ++c)
        LIMN_CALL_ISA(conv2d_split<T>, source, d, first, x + (image_and_group * channels + c) * source.h * source.w,
                      split.data() + c * d.size);
      GroupedBand of_group = b;
      of_group.phase = phase + g * b.phases;
      kernels.band(of_group, rows, split.data(), bias ? bias + g * b.outputs : nullptr, floor,
                   y + image_and_group * b.outputs * b.plane + row * b.width);
    }
  });
}

/// y = conv(x, weight) + bias, at least `floor`. bias may be null.
template <std::same_as<float> T>
void conv2d_grouped_forward(const Conv2dShape& s, const T* x, const T* weight, const T* bias, T floor, T* y) {
  const GroupedKernels kernels = grouped_kernels<T>(s.outputs());
  const index_t field = s.field(), outputs = s.outputs(), size = outputs * field,
                packed = size + grouped_slack(kernels);
  const Scratch<index_t> offset(field);
  const index_t band = direct_band(s, sizeof(float), kernels.lanes);
  const DirectLayout d = direct_layout(s, band, offset.data());
  const Scratch<float> weights(s.groups * packed);
  const Scratch<GroupedPhase> phase(s.groups);
  parallel_for(s.groups, 1 + 65536 / size, [&](index_t begin, index_t end) {
    for (index_t g = begin; g < end; ++g) {
      float* to = weights.data() + g * packed;
      kernels.pack(outputs, field, weight + g * size, field, to);
      phase.data()[g] = {0, 0, s.ow, field, d.offset, to};
    }
  });
  grouped_bands(kernels, {outputs, s.ow, s.oh * s.ow, d.pitch, 1, 1, 1, nullptr}, phase.data(), s, d, band, x, bias,
                floor, s.oh, y);
}

/// dx, phase by phase.
template <std::same_as<float> T>
void conv2d_grouped_data_gradient(const Conv2dShape& s, const T* dy, const T* weight, T* dx) {
  const GroupedKernels kernels = grouped_kernels<T>(s.channels());
  const index_t channels = s.channels(), outputs = s.outputs(), size = outputs * s.field();
  const Conv2dShape of_dy = gather_source(s);
  const index_t band = direct_band(of_dy, sizeof(float), kernels.lanes);
  const GatherTaps taps(s, of_dy, band);
  const DirectLayout& d = taps.layout();
  const index_t phases = taps.phases();
  const Scratch<float> weights(s.groups * size);
  const Scratch<GroupedPhase> phase(s.groups * phases);
  parallel_for(s.groups, 1 + 65536 / size, [&](index_t begin, index_t end) {
    for (index_t g = begin; g < end; ++g) {
      float* to = weights.data() + g * size;
      kernels.pack_phases(channels, outputs, s.kh * s.kw, taps.all(), phases, taps.taps(), weight + g * size, to);
      for (index_t p = 0; p < phases; ++p) {
        const GatherPhase& q = taps.phase(p);
        phase.data()[g * phases + p] = {q.a, q.b, q.columns, q.field, taps.offset(q), to + channels * q.first};
      }
    }
  });
  grouped_bands(kernels, {channels, s.w, s.h * s.w, d.pitch, s.stride_h, s.stride_w, phases, nullptr}, phase.data(),
                of_dy, d, band, dy, nullptr, -std::numeric_limits<T>::infinity(), s.h, dx);
}

/// A vector of sums for each tap of the channels in its lanes; behind them x, turned over.
struct GroupedWeights {
  const Conv2dShape& s;
  GroupedKernels kernels;
  [[nodiscard]] index_t sums() const { return s.outputs() * s.field(); }
  [[nodiscard]] index_t size(const DirectLayout& d) const {
    return sums() + grouped_slack(kernels) + std::max(d.size, kernels.lanes) * kernels.lanes;
  }
  void add(const DirectLayout& d, index_t rows, const float* x, const float* dy, float* own) const {
    const index_t taps = s.kh * s.kw;
    float* turned = own + sums() + grouped_slack(kernels);
    for (index_t c = 0; c < s.channels(); c += kernels.lanes, own += s.outputs() * taps * kernels.lanes) {
      kernels.turn(d.size, x + c * d.size, turned);
      kernels.weights({rows, s.ow, s.oh * s.ow, d.pitch, taps}, s.outputs(), d.offset, turned, dy, own);
    }
  }
  void finish(const float* own, float* dw) const {
    const index_t taps = s.kh * s.kw;
    for (index_t c = 0; c < s.channels(); c += kernels.lanes, own += s.outputs() * taps * kernels.lanes)
      kernels.unpack(s.outputs(), s.channels(), taps, own, dw + c * taps);
  }
};
template <std::same_as<float> T>
void conv2d_grouped_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  conv2d_weight_gradient_by(GroupedWeights{s, grouped_kernels<T>(s.channels())}, s, x, dy, dw);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu

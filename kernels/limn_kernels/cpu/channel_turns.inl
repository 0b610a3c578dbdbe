// Planes turned over in registers, so that channels are in the lanes, and back, for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// What `size` numbers of each channel in the lanes take: a square block at least is turned over.
[[nodiscard]] LIMN_INLINE index_t turned_size(index_t size) {
  constexpr index_t channels = lanes<float>;
  return channels * (size < channels ? channels : size);
}

/// Numbers of some channels: `rows` rows of `size`, so far apart, those of one channel and the next `channel` apart.
struct ChannelNumbers {
  const float* at;
  index_t rows, size, row, channel;
};

/// to[i][p][q] = row i's number p of channel q < count; zeros for the other lanes, and where a block has more numbers
/// than a row. The last block of a row overlaps the one before it.
template <bool Whole, bool Short>
void turn_channels(index_t count, const ChannelNumbers& x, float* to, index_t to_row) {
  constexpr index_t channels = lanes<float>;
  const LaneRange numbers = lanes_between(0, Short ? x.size : channels);
  const float* from = x.at;
  for (index_t i = 0; i < x.rows; ++i, from += x.row, to += to_row)
    for (index_t at = 0; at < x.size; at += channels) {
      const index_t first = Short || at + channels <= x.size ? at : x.size - channels;
      Vec<float> r[channels];
      LIMN_UNROLLED for (index_t q = 0; q < channels; ++q) {
        const float* p = from + q * x.channel + first;
        r[q] = !Whole && q >= count ? Vec<float>{} : Short ? load_between<float>(p, numbers) : load<float>(p);
      }
      transpose_block<float>(r);
      LIMN_UNROLLED for (index_t q = 0; q < channels; ++q) store<float>(to + (first + q) * channels, r[q]);
    }
}
inline void to_channels(index_t count, const ChannelNumbers& x, float* to, index_t to_row) {
  const bool whole = count == lanes<float>, brief = x.size < lanes<float>;
  if (whole && !brief) return turn_channels<true, false>(count, x, to, to_row);
  if (whole) return turn_channels<true, true>(count, x, to, to_row);
  if (!brief) return turn_channels<false, false>(count, x, to, to_row);
  turn_channels<false, true>(count, x, to, to_row);
}
/// And back, of one row.
template <bool Whole>
void turn_channels_back(index_t count, index_t size, const float* from, float* y, index_t channel) {
  constexpr index_t channels = lanes<float>;
  const index_t wide = size < channels ? size : channels;
  for (index_t at = 0; at < size; at += channels) {
    const index_t first = at + wide <= size ? at : size - wide;
    Vec<float> r[channels];
    LIMN_UNROLLED for (index_t q = 0; q < channels; ++q) r[q] = load<float>(from + (first + q) * channels);
    transpose_block<float>(r);
    LIMN_UNROLLED for (index_t q = 0; q < channels; ++q) if (Whole || q < count)
        store_n<float>(y + q * channel + first, r[q], wide);
  }
}
inline void from_channels(index_t count, index_t size, const float* from, float* y, index_t channel) {
  if (count == lanes<float>) return turn_channels_back<true>(count, size, from, y, channel);
  turn_channels_back<false>(count, size, from, y, channel);
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

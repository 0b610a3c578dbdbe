#pragma once
// JPEG's entropy coding (ITU T.81, annexes F and G): Huffman tables, bits, and the coefficients of a block.

#include <array>
#include <cstdint>
#include <string>

#include <limn/image/bytes.hpp>

namespace limn::inline LIMN_ABI::image::detail {

/// Coefficients of an 8x8 block in rows and columns (not in zigzag order).
using JpegBlock = std::array<std::int16_t, 64>;

inline constexpr std::array<std::uint8_t, 64> jpeg_zigzag = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/// Canonical Huffman codes of at most 16 bits.
class JpegHuffman {
 public:
  JpegHuffman() = default;
  /// 16 counts of codes of length 1, 2, ..., then the symbols in order of their codes.
  JpegHuffman(Bytes counts, Bytes symbols, const std::string& name) {
    std::uint32_t code = 0;
    std::size_t used = 0;
    for (unsigned length = 1; length <= 16; ++length) {
      const std::uint32_t count = byte_at(counts, length - 1);
      offset_[length] = static_cast<std::int32_t>(used) - static_cast<std::int32_t>(code);
      if (code + count > (1u << length)) fail_damaged(name, "a Huffman table has too many codes");
      for (std::uint32_t i = 0; i < count; ++i, ++code, ++used) {
        symbols_[used] = static_cast<std::uint8_t>(byte_at(symbols, used));
        if (length > fast_bits) continue;
        const std::uint32_t first = code << (fast_bits - length);
        for (std::uint32_t k = 0; k < (1u << (fast_bits - length)); ++k)
          fast_[first + k] = static_cast<std::uint16_t>(length << 8 | symbols_[used]);
      }
      end_[length] = code << (16 - length);
      code <<= 1;
    }
    present_ = true;
  }

  static constexpr unsigned fast_bits = 9;

  [[nodiscard]] bool present() const { return present_; }
  /// length << 8 | symbol for a code at the head of these bits; 0 when it is longer.
  [[nodiscard]] std::uint16_t fast(std::uint32_t next_bits) const { return fast_[next_bits]; }
  /// The same for any code at the head of 16 bits; 0 when there is none.
  [[nodiscard]] std::uint16_t slow(std::uint32_t next16) const {
    for (unsigned length = 1; length <= 16; ++length)
      if (next16 < end_[length]) {
        const std::int32_t at = static_cast<std::int32_t>(next16 >> (16 - length)) + offset_[length];
        return static_cast<std::uint16_t>(length << 8 | symbols_[static_cast<std::size_t>(at)]);
      }
    return 0;
  }

 private:
  std::array<std::uint16_t, 1 << fast_bits> fast_{};
  std::array<std::uint32_t, 17> end_{};  // of the codes of each length, as the head of 16 bits
  std::array<std::int32_t, 17> offset_{};
  std::array<std::uint8_t, 256> symbols_{};
  bool present_ = false;
};

/// The bits of one scan, between its header and the next marker. Past their end come zeros; overrun() tells.
class JpegBits {
 public:
  JpegBits(Bytes scan, const std::string& name) : scan_(scan), name_(name) {}

  [[nodiscard]] std::uint32_t take(unsigned n) {  // n <= 16
    if (n == 0) return 0;
    need(n);
    count_ -= n;
    return static_cast<std::uint32_t>(bits_ >> count_) & ((1u << n) - 1);
  }
  [[nodiscard]] std::uint8_t symbol(const JpegHuffman& table) {
    need(16);
    std::uint16_t found = table.fast(static_cast<std::uint32_t>(bits_ >> (count_ - JpegHuffman::fast_bits)) &
                                     ((1u << JpegHuffman::fast_bits) - 1));
    if (found == 0) found = table.slow(static_cast<std::uint32_t>(bits_ >> (count_ - 16)) & 0xffffu);
    if (found == 0) {
      if (ended_) fail_truncated(name_);
      fail_damaged(name_, "a code in its pixels is not valid");
    }
    count_ -= found >> 8;
    return static_cast<std::uint8_t>(found & 255);
  }
  /// A signed number of n bits (T.81, figure F.12).
  [[nodiscard]] std::int32_t signed_number(unsigned n) {
    const auto value = static_cast<std::int32_t>(take(n));
    return n == 0 || value >= (1 << (n - 1)) ? value : value - (1 << n) + 1;
  }

  /// True when more bits were taken than the scan holds.
  [[nodiscard]] bool overrun() const { return count_ < invented_; }
  void check() const {
    if (overrun()) fail_truncated(name_);
  }
  /// Goes on behind restart marker number `expected` (0 to 7).
  void restart(unsigned expected) {
    check();
    while (at_ + 1 < scan_.size() &&
           !(byte_at(scan_, at_) == 0xff && byte_at(scan_, at_ + 1) >= 0xd0 && byte_at(scan_, at_ + 1) <= 0xd7))
      ++at_;
    if (at_ + 1 >= scan_.size()) fail_truncated(name_);
    if (byte_at(scan_, at_ + 1) != 0xd0 + expected) fail_damaged(name_, "a part of its pixels is missing");
    at_ += 2;
    bits_ = 0;
    count_ = invented_ = 0;
    ended_ = false;
  }

 private:
  void need(unsigned n) {
    if (count_ >= n) return;
    while (count_ <= 56) {
      std::uint32_t next = 0;
      if (!ended_ && at_ < scan_.size()) {
        next = byte_at(scan_, at_);
        if (next != 0xff) {
          ++at_;
        } else if (at_ + 1 < scan_.size() && byte_at(scan_, at_ + 1) == 0) {
          at_ += 2;
        } else {
          ended_ = true;
        }
      } else {
        ended_ = true;
      }
      if (ended_) {
        next = 0;
        invented_ += 8;
      }
      bits_ = bits_ << 8 | next;
      count_ += 8;
    }
  }

  Bytes scan_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::uint64_t bits_ = 0;  // the low count_ of them are next
  unsigned count_ = 0, invented_ = 0;
  bool ended_ = false;
};

/// What a scan header says beside its components: which coefficients, and which of their bits.
struct JpegBand {
  unsigned first = 0, last = 63, high = 0, low = 0;
};

[[nodiscard]] inline std::int16_t shifted(std::int32_t value, unsigned bits) {
  return static_cast<std::int16_t>(static_cast<std::uint32_t>(value) << bits);
}

/// The difference of this block's DC coefficient, added to `dc`.
inline void read_jpeg_dc(JpegBits& bits, const JpegHuffman& table, std::int32_t& dc, const std::string& name) {
  const unsigned n = bits.symbol(table);
  if (n > 15) fail_damaged(name, "a code in its pixels is not valid");
  dc = static_cast<std::int32_t>(static_cast<std::uint32_t>(dc) + static_cast<std::uint32_t>(bits.signed_number(n)));
}

/// A whole block of a sequential image; `block` is zero before.
inline void read_jpeg_block(JpegBits& bits, const JpegHuffman& dc_table, const JpegHuffman& ac_table, std::int32_t& dc,
                            JpegBlock& block, const std::string& name) {
  read_jpeg_dc(bits, dc_table, dc, name);
  block[0] = static_cast<std::int16_t>(dc);
  for (unsigned k = 1; k < 64; ++k) {
    const unsigned code = bits.symbol(ac_table), zeros = code >> 4, n = code & 15;
    if (n == 0) {
      if (zeros != 15) return;
      k += 15;
      continue;
    }
    k += zeros;
    if (k > 63) fail_damaged(name, "a block has too many coefficients");
    block[jpeg_zigzag[k]] = static_cast<std::int16_t>(bits.signed_number(n));
  }
}

/// Blocks without coefficients still to come after the code `zeros` (T.81, G.1.2.2), this block included.
[[nodiscard]] inline std::uint32_t read_jpeg_run(JpegBits& bits, unsigned zeros) {
  return (1u << zeros) + bits.take(zeros);
}

/// First bits of the AC coefficients of a band. `run`: blocks to be skipped.
inline void read_jpeg_ac_first(JpegBits& bits, const JpegHuffman& table, const JpegBand& band, std::uint32_t& run,
                               JpegBlock& block, const std::string& name) {
  if (run > 0) {
    --run;
    return;
  }
  for (unsigned k = band.first; k <= band.last; ++k) {
    const unsigned code = bits.symbol(table), zeros = code >> 4, n = code & 15;
    if (n == 0 && zeros != 15) {
      run = read_jpeg_run(bits, zeros) - 1;
      return;
    }
    k += zeros;
    if (n == 0) continue;
    if (k > band.last) fail_damaged(name, "a block has too many coefficients");
    block[jpeg_zigzag[k]] = shifted(bits.signed_number(n), band.low);
  }
}

/// One more bit of the AC coefficients of a band.
inline void read_jpeg_ac_more(JpegBits& bits, const JpegHuffman& table, const JpegBand& band, std::uint32_t& run,
                              JpegBlock& block, const std::string& name) {
  const std::int32_t plus = 1 << band.low;
  const auto refine = [&](std::int16_t& coefficient) {
    if (bits.take(1) == 0 || (coefficient & plus) != 0) return;
    coefficient = static_cast<std::int16_t>(coefficient + (coefficient >= 0 ? plus : -plus));
  };
  unsigned k = band.first;
  while (run == 0 && k <= band.last) {
    const unsigned code = bits.symbol(table);
    unsigned zeros = code >> 4;
    std::int32_t fresh = 0;
    if ((code & 15) != 0) {
      fresh = bits.take(1) != 0 ? plus : -plus;
    } else if (zeros != 15) {
      run = read_jpeg_run(bits, zeros);
      break;
    }
    for (; k <= band.last; ++k) {  // over `zeros` zeros, refining what is between, to the next zero
      std::int16_t& coefficient = block[jpeg_zigzag[k]];
      if (coefficient != 0)
        refine(coefficient);
      else if (zeros-- == 0)
        break;
    }
    if (fresh != 0) {
      if (k > band.last) fail_damaged(name, "a block has too many coefficients");
      block[jpeg_zigzag[k]] = static_cast<std::int16_t>(fresh);
    }
    ++k;
  }
  if (run == 0) return;
  for (; k <= band.last; ++k)
    if (block[jpeg_zigzag[k]] != 0) refine(block[jpeg_zigzag[k]]);
  --run;
}

}  // namespace limn::inline LIMN_ABI::image::detail

#pragma once
// Grey JPEG files made of given coefficients, sequential or progressive, for the tests of the decoder.

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <limn/image/jpeg_entropy.hpp>

namespace limn::test {

/// Every symbol 0 .. 254 has the code of 8 bits that is its number.
class JpegWriter {
 public:
  void symbol(unsigned s) { bits(s, 8); }
  void bits(unsigned value, unsigned n) {
    for (unsigned i = n; i-- > 0;) {
      byte_ = byte_ << 1 | (value >> i & 1);
      if (++filled_ < 8) continue;
      text_ += static_cast<char>(byte_);
      if (byte_ == 255) text_ += '\0';
      byte_ = filled_ = 0;
    }
  }
  /// A number of `size(value)` bits as T.81 writes it.
  static unsigned size(int value) {
    return static_cast<unsigned>(std::bit_width(static_cast<unsigned>(std::abs(value))));
  }
  void number(int value) {
    const unsigned n = size(value);
    bits(static_cast<unsigned>(value > 0 ? value : value + (1 << n) - 1), n);
  }
  void align() {
    while (filled_ > 0) bits(1, 1);
  }
  std::string take() {
    align();
    return std::move(text_);
  }
  void raw(const std::string& bytes) {
    align();
    text_ += bytes;
  }

 private:
  std::string text_;
  unsigned byte_ = 0, filled_ = 0;
};

inline std::string jpeg_segment(unsigned marker, const std::string& data) {
  const std::size_t length = data.size() + 2;
  return std::string("\xff") + static_cast<char>(marker) + static_cast<char>(length >> 8) +
         static_cast<char>(length & 255) + data;
}

inline std::string jpeg_head(index_t width, index_t height, bool progressive) {
  std::string quanta(1, '\0'), table;
  for (int k = 0; k < 64; ++k) quanta += static_cast<char>(1 + k / 4);
  for (const char kind : {'\x00', '\x10'}) {
    table += kind;
    for (int length = 1; length <= 16; ++length) table += static_cast<char>(length == 8 ? 255 : 0);
    for (int s = 0; s < 255; ++s) table += static_cast<char>(kind == 0 ? s % 12 : s);
  }
  const std::string size = {static_cast<char>(height >> 8), static_cast<char>(height & 255),
                            static_cast<char>(width >> 8), static_cast<char>(width & 255)};
  return "\xff\xd8" + jpeg_segment(0xdb, quanta) +
         jpeg_segment(progressive ? 0xc2 : 0xc0, "\x08" + size + std::string("\x01\x01\x11\x00", 4)) +
         jpeg_segment(0xc4, table);
}

inline std::string jpeg_scan(unsigned first, unsigned last, unsigned high, unsigned low, const std::string& bits) {
  return jpeg_segment(0xda, {'\1', '\1', '\0', static_cast<char>(first), static_cast<char>(last),
                             static_cast<char>(high << 4 | low)}) +
         bits;
}

using Blocks = std::vector<image::detail::JpegBlock>;

/// restart: blocks between restart markers, 0 for none.
inline std::string sequential_jpeg(index_t width, index_t height, const Blocks& blocks, std::size_t restart = 0) {
  JpegWriter w;
  int before = 0;
  for (std::size_t n = 0; n < blocks.size(); ++n) {
    if (restart > 0 && n > 0 && n % restart == 0) {
      w.raw({'\xff', static_cast<char>(0xd0 + (n / restart - 1) % 8)});
      before = 0;
    }
    const auto& block = blocks[n];
    w.symbol(JpegWriter::size(block[0] - before));
    w.number(block[0] - before);
    before = block[0];
    unsigned zeros = 0;
    for (unsigned k = 1; k < 64; ++k) {
      const int c = block[image::detail::jpeg_zigzag[k]];
      if (c == 0) {
        ++zeros;
        continue;
      }
      for (; zeros > 15; zeros -= 16) w.symbol(0xf0);
      w.symbol(zeros << 4 | JpegWriter::size(c));
      w.number(c);
      zeros = 0;
    }
    if (zeros > 0) w.symbol(0);
  }
  const std::string interval = {static_cast<char>(restart >> 8), static_cast<char>(restart & 255)};
  return jpeg_head(width, height, false) + (restart ? jpeg_segment(0xdd, interval) : "") +
         jpeg_scan(0, 63, 0, 0, w.take()) + "\xff\xd9";
}

/// All bits but the last of each coefficient, then the last: DC, AC, DC, AC.
inline std::string progressive_jpeg(index_t width, index_t height, const Blocks& blocks) {
  JpegWriter dc, ac, dc_last, ac_last;
  int before = 0;
  unsigned run = 0;  // blocks that end here
  const auto end_run = [&] {
    if (run == 0) return;
    const unsigned n = static_cast<unsigned>(std::bit_width(run)) - 1;
    ac.symbol(n << 4);
    ac.bits(run - (1u << n), n);
    run = 0;
  };
  for (const auto& block : blocks) {
    const int high = block[0] >> 1;
    dc.symbol(JpegWriter::size(high - before));
    dc.number(high - before);
    before = high;
    dc_last.bits(block[0] & 1, 1);

    unsigned zeros = 0;
    for (unsigned k = 1; k < 64; ++k) {
      const int c = block[image::detail::jpeg_zigzag[k]] / 2;
      if (c == 0) {
        ++zeros;
        continue;
      }
      end_run();
      for (; zeros > 15; zeros -= 16) ac.symbol(0xf0);
      ac.symbol(zeros << 4 | JpegWriter::size(c));
      ac.number(c);
      zeros = 0;
    }
    if (zeros > 0) ++run;

    zeros = 0;
    std::vector<unsigned> corrections;
    const auto flush = [&] {
      for (const unsigned bit : corrections) ac_last.bits(bit, 1);
      corrections.clear();
      zeros = 0;
    };
    for (unsigned k = 1; k < 64; ++k) {
      const int c = block[image::detail::jpeg_zigzag[k]];
      if (std::abs(c) > 1) {
        corrections.push_back(static_cast<unsigned>(std::abs(c)) & 1);
      } else if (c != 0) {
        ac_last.symbol(zeros << 4 | 1);
        ac_last.bits(c > 0, 1);
        flush();
      } else if (++zeros == 16) {
        ac_last.symbol(0xf0);
        flush();
      }
    }
    if (zeros > 0 || !corrections.empty()) {
      ac_last.symbol(0);
      flush();
    }
  }
  end_run();
  return jpeg_head(width, height, true) + jpeg_scan(0, 0, 0, 1, dc.take()) + jpeg_scan(1, 63, 0, 1, ac.take()) +
         jpeg_scan(0, 0, 1, 0, dc_last.take()) + jpeg_scan(1, 63, 1, 0, ac_last.take()) + "\xff\xd9";
}

}  // namespace limn::test

#pragma once
// JPEG (ITU T.81): baseline, extended and progressive Huffman images of 8 bits, equal to libjpeg's bytes.

#include <cstring>

#include <limn/image/image.hpp>
#include <limn/image/jpeg_pixels.hpp>
#include <limn/image/jpeg_segments.hpp>

namespace limn::inline LIMN_ABI::image::detail {

class JpegDecoder {
 public:
  explicit JpegDecoder(const std::string& name) : name_(name) {}

  /// Grey or RGB; CMYK is converted.
  [[nodiscard]] Image decode(Bytes file, const DecodeLimits& limits) {
    for (const JpegSegment& segment : jpeg_segments(file, name_)) read_segment(segment, file.size(), limits);
    for (const Component& c : components_)
      if (!c.seen) fail_damaged(name_, "the pixels of a component are missing");
    if (components_.empty()) fail_damaged(name_, "it holds no pixels");
    if (progressive_)
      for (Component& c : components_)
        for (index_t row = 0; row < c.block_rows; ++row)
          for (index_t column = 0; column < c.block_columns; ++column)
            transform(c, c.coefficients[static_cast<std::size_t>(row * c.block_columns + column)], row, column);
    return to_image();
  }

 private:
  struct Component {
    std::uint32_t id = 0, quantum_index = 0;
    index_t h = 1, v = 1;                       // sampling factors
    index_t block_columns = 0, block_rows = 0;  // whole MCUs
    index_t own_columns = 0, own_rows = 0;      // blocks that hold pixels: a scan of one component has only these
    bool seen = false;                          // in a scan
    std::array<std::uint16_t, 64> quantum{};    // as it was at the first scan
    std::vector<JpegBlock> coefficients;        // of progressive images
    JpegPlane plane;
    std::int32_t dc = 0;  // of the block before, in the current scan
    std::uint32_t dc_table = 0, ac_table = 0;
  };

  void read_segment(const JpegSegment& segment, std::size_t file_size, const DecodeLimits& limits) {
    const Bytes data = segment.data;
    switch (segment.marker) {
      case 0xdb:
        return read_quanta(data);
      case 0xc4:
        return read_huffman(data);
      case 0xdd:
        if (data.size() != 2) fail_damaged(name_, "a segment has the wrong length");
        restart_interval_ = big_endian16(data, 0);
        return;
      case 0xe0:
        jfif_ = jfif_ || (data.size() >= 5 && std::memcmp(data.data(), "JFIF", 5) == 0);
        return;
      case 0xee:
        if (data.size() >= 12 && std::memcmp(data.data(), "Adobe", 5) == 0)
          adobe_transform_ = static_cast<int>(byte_at(data, 11));
        return;
      case 0xda:
        return read_scan(data, segment.scan);
      case 0xc0:
      case 0xc1:
      case 0xc2:
        progressive_ = segment.marker == 0xc2;
        return read_frame(data, file_size, limits);
      case 0xc3:
      case 0xc5:
      case 0xc6:
      case 0xc7:
      case 0xc9:
      case 0xca:
      case 0xcb:
      case 0xcd:
      case 0xce:
      case 0xcf:
        fail(name_, "a lossless, hierarchical or arithmetic JPEG is not supported; convert it to a baseline JPEG");
      default:
        return;
    }
  }

  void read_quanta(Bytes data) {
    while (!data.empty()) {
      const std::uint32_t index = byte_at(data, 0) & 15, wide = byte_at(data, 0) >> 4;
      const std::size_t length = 1 + 64 * (wide + 1);
      if (index > 3 || wide > 1 || data.size() < length) fail_damaged(name_, "a quantisation table is not valid");
      for (std::size_t k = 0; k < 64; ++k)
        quanta_[index][jpeg_zigzag[k]] =
            static_cast<std::uint16_t>(wide ? big_endian16(data, 1 + 2 * k) : byte_at(data, 1 + k));
      has_quantum_[index] = true;
      data = data.subspan(length);
    }
  }

  void read_huffman(Bytes data) {
    while (!data.empty()) {
      if (data.size() < 17) fail_damaged(name_, "a Huffman table is too short");
      const std::uint32_t index = byte_at(data, 0) & 15, kind = byte_at(data, 0) >> 4;
      std::size_t symbols = 0;
      for (std::size_t i = 1; i <= 16; ++i) symbols += byte_at(data, i);
      if (index > 3 || kind > 1 || symbols > 256 || symbols > data.size() - 17)
        fail_damaged(name_, "a Huffman table has too many codes");
      (kind ? ac_ : dc_)[index] = JpegHuffman(data.subspan(1, 16), data.subspan(17, symbols), name_);
      data = data.subspan(17 + symbols);
    }
  }

  void read_frame(Bytes data, std::size_t file_size, const DecodeLimits& limits) {
    if (!components_.empty()) fail_damaged(name_, "it has two headers");
    if (data.size() < 6 || data.size() != 6 + 3 * byte_at(data, 5))
      fail_damaged(name_, "its header has the wrong length");
    if (byte_at(data, 0) != 8) fail(name_, "a JPEG of 12 bits a sample is not supported; convert it to 8 bits");
    height_ = big_endian16(data, 1);
    width_ = big_endian16(data, 3);
    check_size(width_, height_, limits, name_);
    // A block of 64 pixels takes a bit or more: a header that lies is refused before anything is allocated.
    if (width_ * height_ / 512 > static_cast<index_t>(file_size)) fail_truncated(name_);
    const std::size_t count = byte_at(data, 5);
    if (count != 1 && count != 3 && count != 4) fail_damaged(name_, "it has neither 1 nor 3 nor 4 components");
    for (std::size_t i = 0; i < count; ++i) {
      Component c;
      c.id = byte_at(data, 6 + 3 * i);
      c.h = byte_at(data, 7 + 3 * i) >> 4;
      c.v = byte_at(data, 7 + 3 * i) & 15;
      c.quantum_index = byte_at(data, 8 + 3 * i);
      if (c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quantum_index > 3)
        fail_damaged(name_, "its header gives a component that is not possible");
      max_h_ = std::max(max_h_, c.h);
      max_v_ = std::max(max_v_, c.v);
      components_.push_back(std::move(c));
    }
    mcu_columns_ = (width_ + 8 * max_h_ - 1) / (8 * max_h_);
    mcu_rows_ = (height_ + 8 * max_v_ - 1) / (8 * max_v_);
    for (Component& c : components_) {
      if (max_h_ % c.h != 0 || max_v_ % c.v != 0)
        fail(name_, "a JPEG whose components have sizes of a ratio like 3:2 is not supported; convert it");
      c.plane.width = (width_ * c.h + max_h_ - 1) / max_h_;
      c.plane.height = (height_ * c.v + max_v_ - 1) / max_v_;
      c.own_columns = (c.plane.width + 7) / 8;
      c.own_rows = (c.plane.height + 7) / 8;
      c.block_columns = mcu_columns_ * c.h;
      c.block_rows = mcu_rows_ * c.v;
      c.plane.stride = 8 * c.block_columns;
      c.plane.samples.resize(static_cast<std::size_t>(c.plane.stride * 8 * c.block_rows));
      if (progressive_) c.coefficients.resize(static_cast<std::size_t>(c.block_columns * c.block_rows));
    }
  }

  void read_scan(Bytes data, Bytes scan) {
    if (components_.empty()) fail_damaged(name_, "pixels come before the header");
    const std::size_t count = data.empty() ? 0 : byte_at(data, 0);
    if (count < 1 || count > components_.size() || data.size() != 4 + 2 * count)
      fail_damaged(name_, "the header of a scan is not valid");
    const JpegBand band = read_band(data.subspan(1 + 2 * count), count);
    std::vector<Component*> parts;
    index_t blocks = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto found = std::find_if(components_.begin(), components_.end(),
                                      [&](const Component& c) { return c.id == byte_at(data, 1 + 2 * i); });
      if (found == components_.end() || std::count(parts.begin(), parts.end(), &*found) > 0)
        fail_damaged(name_, "a scan names a component that is not there");
      parts.push_back(&*found);
      start_component(*found, byte_at(data, 2 + 2 * i), band);
      blocks += found->h * found->v;
    }
    if (count > 1 && blocks > 10) fail_damaged(name_, "a scan has too many blocks in one unit");

    JpegBits bits(scan, name_);
    const bool alone = count == 1;
    const index_t columns = alone ? parts[0]->own_columns : mcu_columns_;
    const index_t units = columns * (alone ? parts[0]->own_rows : mcu_rows_);
    std::uint32_t run = 0;
    for (index_t unit = 0; unit < units; ++unit) {
      if (restart_interval_ > 0 && unit > 0 && unit % restart_interval_ == 0) {
        bits.restart(static_cast<unsigned>((unit / restart_interval_ - 1) % 8));
        run = 0;
        for (Component* c : parts) c->dc = 0;
      }
      if (alone) {
        read_block(bits, *parts[0], band, run, unit / columns, unit % columns);
      } else {
        for (Component* c : parts)
          for (index_t y = 0; y < c->v; ++y)
            for (index_t x = 0; x < c->h; ++x)
              read_block(bits, *c, band, run, unit / columns * c->v + y, unit % columns * c->h + x);
      }
      bits.check();
    }
  }

  [[nodiscard]] JpegBand read_band(Bytes data, std::size_t count) const {
    if (!progressive_) return {};
    const JpegBand band{byte_at(data, 0), byte_at(data, 1), byte_at(data, 2) >> 4, byte_at(data, 2) & 15};
    const bool dc = band.first == 0 && band.last == 0;
    const bool ac = band.first > 0 && band.first <= band.last && band.last < 64 && count == 1;
    if ((!dc && !ac) || band.low > 13 || (band.high != 0 && band.high != band.low + 1))
      fail_damaged(name_, "the header of a scan is not valid");
    return band;
  }

  void start_component(Component& c, std::uint32_t tables, const JpegBand& band) {
    c.dc_table = tables >> 4;
    c.ac_table = tables & 15;
    c.dc = 0;
    const bool wants_dc = band.first == 0 && band.high == 0, wants_ac = band.last > 0;
    if ((wants_dc && (c.dc_table > 3 || !dc_[c.dc_table].present())) ||
        (wants_ac && (c.ac_table > 3 || !ac_[c.ac_table].present())))
      fail_damaged(name_, "a Huffman table is missing");
    if (c.seen) return;
    if (!has_quantum_[c.quantum_index]) fail_damaged(name_, "a quantisation table is missing");
    c.quantum = quanta_[c.quantum_index];
    c.seen = true;
  }

  void read_block(JpegBits& bits, Component& c, const JpegBand& band, std::uint32_t& run, index_t row, index_t column) {
    if (!progressive_) {
      JpegBlock block{};
      read_jpeg_block(bits, dc_[c.dc_table], ac_[c.ac_table], c.dc, block, name_);
      return transform(c, block, row, column);
    }
    JpegBlock& block = c.coefficients[static_cast<std::size_t>(row * c.block_columns + column)];
    if (band.first > 0) {
      const auto read = band.high == 0 ? read_jpeg_ac_first : read_jpeg_ac_more;
      return read(bits, ac_[c.ac_table], band, run, block, name_);
    }
    if (band.high == 0) {
      read_jpeg_dc(bits, dc_[c.dc_table], c.dc, name_);
      block[0] = shifted(c.dc, band.low);
    } else if (bits.take(1) != 0) {
      block[0] = static_cast<std::int16_t>(block[0] | (1 << band.low));
    }
  }

  static void transform(Component& c, const JpegBlock& block, index_t row, index_t column) {
    inverse_dct(block, c.quantum, c.plane.samples.data() + 8 * (row * c.plane.stride + column), c.plane.stride);
  }

  /// Whether three components are Y, Cb, Cr, or four are Y, Cb, Cr, K; decided as libjpeg does.
  [[nodiscard]] bool has_chroma() const {
    if (components_.size() == 4) return adobe_transform_ > 0;
    if (jfif_) return true;
    if (adobe_transform_ >= 0) return adobe_transform_ != 0;
    return !(components_[0].id == 'R' && components_[1].id == 'G' && components_[2].id == 'B');
  }

  [[nodiscard]] Image to_image() const {
    const std::size_t count = components_.size();
    Image image(width_, height_, count == 1 ? 1 : 3);
    const bool chroma = count > 1 && has_chroma();
    std::array<std::vector<std::uint8_t>, 4> rows;
    for (std::size_t i = 0; i < count; ++i)
      rows[i].resize(static_cast<std::size_t>(components_[i].plane.width * (max_h_ / components_[i].h)));
    std::uint8_t* to = image.pixels.data();
    for (index_t row = 0; row < height_; ++row) {
      for (std::size_t i = 0; i < count; ++i) {
        const Component& c = components_[i];
        upsampled_row(c.plane, max_h_ / c.h, max_v_ / c.v, row, rows[i].data());
      }
      if (count == 1) {
        to = std::copy_n(rows[0].data(), width_, to);
        continue;
      }
      const std::uint8_t *first = rows[0].data(), *second = rows[1].data(), *third = rows[2].data();
      for (index_t x = 0; x < width_; ++x, to += 3) {
        if (count == 3 && chroma) {
          ycc_to_rgb(first[x], second[x], third[x], to);
          continue;
        }
        std::uint8_t pixel[4] = {first[x], second[x], third[x], 0};
        if (count == 4) {
          if (chroma) ycc_to_rgb(pixel[0], pixel[1], pixel[2], pixel);
          for (std::size_t k = 0; chroma && k < 3; ++k) pixel[k] = static_cast<std::uint8_t>(255 - pixel[k]);
          pixel[3] = rows[3][static_cast<std::size_t>(x)];
          cmyk_to_rgb(pixel, to);
        } else {
          std::copy_n(pixel, 3, to);
        }
      }
    }
    return image;
  }

  const std::string& name_;
  index_t width_ = 0, height_ = 0, max_h_ = 1, max_v_ = 1, mcu_columns_ = 0, mcu_rows_ = 0;
  index_t restart_interval_ = 0;  // in units; 0 for none
  bool progressive_ = false, jfif_ = false;
  int adobe_transform_ = -1;  // -1 without an Adobe segment
  std::vector<Component> components_;
  std::array<std::array<std::uint16_t, 64>, 4> quanta_{};
  std::array<bool, 4> has_quantum_{};
  std::array<JpegHuffman, 4> dc_, ac_;
};

[[nodiscard]] inline Image decode_jpeg(Bytes file, const DecodeLimits& limits, const std::string& name) {
  return JpegDecoder(name).decode(file, limits);
}

}  // namespace limn::inline LIMN_ABI::image::detail

#pragma once
// Image files to pixels: PNG, JPEG, BMP and PNM, to RGB as Pillow's convert("RGB") gives it.

#include <filesystem>
#include <memory>
#include <string>

#include <stb_image.h>

#include <limn/image/image.hpp>
#include <limn/image/jpeg.hpp>
#include <limn/image/png.hpp>
#include <limn/image/resize.hpp>
#include <limn/io/file.hpp>

namespace limn::inline LIMN_ABI::image {

/// The RGB image in a PNG, JPEG, BMP or PNM file. Alpha and transparent colours are dropped, not blended; gamma and
/// EXIF orientation are not applied; 16-bit grey is clipped at 255, 16-bit colours keep their high byte. Throws Error
/// naming the file, the cause and the remedy: empty, cut short, damaged, no image, or larger than `limits`.
[[nodiscard]] Image decode_file(const std::filesystem::path& path, const DecodeLimits& limits = {});
/// The same of bytes in memory; `name` stands for them in messages.
[[nodiscard]] Image decode_bytes(std::span<const std::byte> bytes, const std::string& name,
                                 const DecodeLimits& limits = {});

/// The samples as the file has them. JPEG in CMYK, and palettes, come as RGB.
[[nodiscard]] Samples decode_samples(std::span<const std::byte> bytes, const std::string& name,
                                     const DecodeLimits& limits = {});
/// RGB of any samples, as above.
[[nodiscard]] Image to_rgb(const Samples& samples);

namespace detail {

[[nodiscard]] inline bool starts_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

/// BMP and PNM, through stb_image.
[[nodiscard]] inline Image decode_simple(Bytes file, const DecodeLimits& limits, const std::string& name) {
  if (file.size() > (std::size_t{1} << 30)) fail(name, "the image file is over 1 GiB; shrink the image");
  const auto* data = reinterpret_cast<const stbi_uc*>(file.data());
  const int size = static_cast<int>(file.size());
  int width = 0, height = 0, channels = 0;
  if (!stbi_info_from_memory(data, size, &width, &height, &channels)) fail_damaged(name, "its header cannot be read");
  check_size(width, height, limits, name);
  // Nothing is compressed here (stb_image has no run lengths of BMP): a bit a pixel is the least.
  if (index_t{width} * height / 8 > static_cast<index_t>(file.size())) fail_truncated(name);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(data, size, &width, &height, &channels, 0), stbi_image_free);
  if (!pixels)
    fail(name, "the image cannot be decoded (", stbi_failure_reason() ? stbi_failure_reason() : "no reason given",
         "); fetch it again or convert it to PNG");
  return {width, height, channels, {pixels.get(), pixels.get() + index_t{width} * height * channels}};
}

/// Everything but PNG, which may hold 16-bit samples.
[[nodiscard]] inline Image decode_8bit(Bytes file, const DecodeLimits& limits, const std::string& name) {
  if (file.empty()) fail(name, "the image file is empty; fetch or copy it again");
  if (starts_with(file, "\xff\xd8\xff")) return decode_jpeg(file, limits, name);
  for (const char* magic : {"BM", "P5", "P6"})
    if (starts_with(file, magic)) return decode_simple(file, limits, name);
  fail(name, "not a PNG, JPEG, BMP or PNM image, whatever its name says; convert it to one of these");
}

[[nodiscard]] inline bool is_png(Bytes file) { return starts_with(file, "\x89PNG\r\n\x1a\n"); }

}  // namespace detail

inline Samples decode_samples(std::span<const std::byte> bytes, const std::string& name, const DecodeLimits& limits) {
  if (detail::is_png(bytes)) return detail::decode_png(bytes, limits, name, stbi_zlib_decode_buffer);
  const Image image = detail::decode_8bit(bytes, limits, name);
  return {image.width, image.height, image.channels, 8, {image.pixels.begin(), image.pixels.end()}};
}

inline Image to_rgb(const Samples& samples) {
  Image rgb(samples.width, samples.height, 3);
  const bool grey = samples.channels < 3;
  const std::uint16_t* from = samples.values.data();
  std::uint8_t* to = rgb.pixels.data();
  const auto narrow = [&](std::uint16_t v) {
    if (samples.bits == 8) return static_cast<std::uint8_t>(v);
    if (samples.channels == 1) return static_cast<std::uint8_t>(std::min<std::uint16_t>(v, 255));
    return static_cast<std::uint8_t>(v >> 8);
  };
  for (index_t i = 0; i < samples.width * samples.height; ++i, from += samples.channels, to += 3) {
    to[0] = narrow(from[0]);
    to[1] = narrow(from[grey ? 0 : 1]);
    to[2] = narrow(from[grey ? 0 : 2]);
  }
  return rgb;
}

inline Image decode_bytes(std::span<const std::byte> bytes, const std::string& name, const DecodeLimits& limits) {
  if (detail::is_png(bytes)) return to_rgb(decode_samples(bytes, name, limits));
  return to_rgb(detail::decode_8bit(bytes, limits, name));
}

inline Image decode_file(const std::filesystem::path& path, const DecodeLimits& limits) {
  const std::string file = io::read_file(path, limits.max_file_bytes);
  return decode_bytes(std::as_bytes(std::span(file.data(), file.size())), path.string(), limits);
}

}  // namespace limn::inline LIMN_ABI::image

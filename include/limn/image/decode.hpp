#pragma once
// Image files to pixels: PNG, JPEG, BMP and PNM, to RGB as Pillow's convert("RGB") gives it.

#include <filesystem>
#include <memory>
#include <string>

#include <stb_image.h>

#include <limn/image/image.hpp>
#include <limn/image/jpeg.hpp>
#include <limn/image/png.hpp>
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

/// Baseline and progressive JPEG, BMP and PNM through stb_image; the caller has checked the size.
[[nodiscard]] inline Samples decode_stb(Bytes file, const std::string& name) {
  if (file.size() > (std::size_t{1} << 30)) fail(name, "the image file is over 1 GiB; shrink the image");
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(file.data()), static_cast<int>(file.size()), &width,
                            &height, &channels, 0),
      stbi_image_free);
  if (!pixels)
    fail(name, "the image cannot be decoded (", stbi_failure_reason() ? stbi_failure_reason() : "no reason given",
         "); fetch it again or convert it to PNG");
  Samples result;
  result.width = width;
  result.height = height;
  result.channels = channels;
  result.values.assign(pixels.get(), pixels.get() + result.width * result.height * result.channels);
  return result;
}

[[nodiscard]] inline Samples decode_jpeg(Bytes file, const DecodeLimits& limits, const std::string& name) {
  const JpegOutline outline = outline_jpeg(file, limits, name);
  const Bytes image = file.first(outline.end);
  if (outline.components != 4 || outline.adobe) return decode_stb(image, name);
  // Four components without a word on their meaning are inverted CMYK, as Pillow takes them: say so.
  const unsigned char adobe[] = {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0};
  const Bytes said = std::as_bytes(std::span(adobe));
  std::vector<std::byte> copy(image.begin(), image.begin() + 2);
  copy.insert(copy.end(), said.begin(), said.end());
  copy.insert(copy.end(), image.begin() + 2, image.end());
  return decode_stb(copy, name);
}

[[nodiscard]] inline Samples decode_simple(Bytes file, const DecodeLimits& limits, const std::string& name) {
  int width = 0, height = 0, channels = 0;
  if (file.size() > (std::size_t{1} << 30)) fail(name, "the image file is over 1 GiB; shrink the image");
  const auto* data = reinterpret_cast<const stbi_uc*>(file.data());
  if (!stbi_info_from_memory(data, static_cast<int>(file.size()), &width, &height, &channels))
    fail_damaged(name, "its header cannot be read");
  check_size(width, height, limits, name);
  // Neither format compresses (run lengths of BMP are not supported): an eighth of a byte a pixel is the least.
  if (index_t{width} * height / 8 > static_cast<index_t>(file.size())) fail_truncated(name);
  return decode_stb(file, name);
}

}  // namespace detail

inline Samples decode_samples(std::span<const std::byte> bytes, const std::string& name, const DecodeLimits& limits) {
  if (bytes.empty()) fail(name, "the image file is empty; fetch or copy it again");
  if (detail::starts_with(bytes, "\x89PNG\r\n\x1a\n"))
    return detail::decode_png(bytes, limits, name, stbi_zlib_decode_buffer);
  if (detail::starts_with(bytes, "\xff\xd8\xff")) return detail::decode_jpeg(bytes, limits, name);
  for (const char* magic : {"BM", "P5", "P6"})
    if (detail::starts_with(bytes, magic)) return detail::decode_simple(bytes, limits, name);
  fail(name, "not a PNG, JPEG, BMP or PNM image, whatever its name says; convert it to one of these");
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
  return to_rgb(decode_samples(bytes, name, limits));
}

inline Image decode_file(const std::filesystem::path& path, const DecodeLimits& limits) {
  const std::string file = io::read_file(path, limits.max_file_bytes);
  return decode_bytes(std::as_bytes(std::span(file.data(), file.size())), path.string(), limits);
}

}  // namespace limn::inline LIMN_ABI::image

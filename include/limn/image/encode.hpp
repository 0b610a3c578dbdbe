#pragma once
// Pixels to image files: PNG, JPEG and BMP, in memory or on disk.

#include <filesystem>
#include <string>

#include <stb_image_write.h>

#include <limn/image/image.hpp>
#include <limn/io/file.hpp>

namespace limn::inline LIMN_ABI::image {

struct EncodeOptions {
  int jpeg_quality = 90;  ///< 1 to 100
};

/// The bytes of a file. Equal images give equal bytes. JPEG drops alpha; BMP keeps it.
[[nodiscard]] std::string encode_png(const Image& image);
[[nodiscard]] std::string encode_jpeg(const Image& image, const EncodeOptions& options = {});
[[nodiscard]] std::string encode_bmp(const Image& image);

/// Writes a .png, .jpg, .jpeg or .bmp file, whole or not at all (AtomicFile). Throws Error naming the file, the cause
/// and the remedy: another ending, a full disk, a folder that cannot be written.
void encode_file(const std::filesystem::path& path, const Image& image, const EncodeOptions& options = {});

namespace detail {

inline void check_encodable(const char* op, const Image& image, index_t longest_side) {
  if (image.empty()) fail(op, "the image is empty");
  if (image.width > longest_side || image.height > longest_side)
    fail(op, "an image of ", image.width, "x", image.height, " is too large: the format's limit is ", longest_side);
  // stb_image_write counts in int and keeps a filtered copy
  if (image.width * image.height * image.channels > (index_t{1} << 30))
    fail(op, "an image of ", image.width, "x", image.height, " is too large: the limit is 1 GiB of samples");
}

inline void append_encoded(void* text, void* data, int size) {
  static_cast<std::string*>(text)->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

}  // namespace detail

inline std::string encode_png(const Image& image) {
  detail::check_encodable("encode_png", image, index_t{1} << 24);
  std::string file;
  const int width = static_cast<int>(image.width), channels = static_cast<int>(image.channels);
  if (!stbi_write_png_to_func(detail::append_encoded, &file, width, static_cast<int>(image.height), channels,
                              image.pixels.data(), width * channels))
    fail("encode_png", "out of memory for an image of ", image.width, "x", image.height);
  return file;
}

inline std::string encode_jpeg(const Image& image, const EncodeOptions& options) {
  detail::check_encodable("encode_jpeg", image, 65535);
  if (options.jpeg_quality < 1 || options.jpeg_quality > 100)
    fail("encode_jpeg", "a quality of ", options.jpeg_quality, " was asked for; 1 to 100 are possible");
  std::string file;
  if (!stbi_write_jpg_to_func(detail::append_encoded, &file, static_cast<int>(image.width),
                              static_cast<int>(image.height), static_cast<int>(image.channels), image.pixels.data(),
                              options.jpeg_quality))
    fail("encode_jpeg", "an image of ", image.width, "x", image.height, " could not be encoded");
  return file;
}

inline std::string encode_bmp(const Image& image) {
  detail::check_encodable("encode_bmp", image, index_t{1} << 24);
  std::string file;
  if (!stbi_write_bmp_to_func(detail::append_encoded, &file, static_cast<int>(image.width),
                              static_cast<int>(image.height), static_cast<int>(image.channels), image.pixels.data()))
    fail("encode_bmp", "an image of ", image.width, "x", image.height, " could not be encoded");
  return file;
}

inline void encode_file(const std::filesystem::path& path, const Image& image, const EncodeOptions& options) {
  std::string ending = path.extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (ending == ".png") return io::write_file(path, encode_png(image));
  if (ending == ".jpg" || ending == ".jpeg") return io::write_file(path, encode_jpeg(image, options));
  if (ending == ".bmp") return io::write_file(path, encode_bmp(image));
  fail(path.string(), "the ending '", ending, "' is no image format that can be written; use .png, .jpg or .bmp");
}

}  // namespace limn::inline LIMN_ABI::image

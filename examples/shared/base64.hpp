#pragma once
// Base64 (RFC 4648), and files as data URIs for pages that need no other file.

#include <cstdint>
#include <string>
#include <string_view>

namespace limn::app {

[[nodiscard]] inline std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) -> std::uint32_t {
      return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u;
    };
    const std::uint32_t word = (byte(0) << 16) | (byte(1) << 8) | byte(2);
    text += digits[word >> 18];
    text += digits[(word >> 12) & 63];
    text += i + 1 < bytes.size() ? digits[(word >> 6) & 63] : '=';
    text += i + 2 < bytes.size() ? digits[word & 63] : '=';
  }
  return text;
}

/// The media type of an image that browsers show, by its first bytes; "" for every other file.
[[nodiscard]] inline std::string image_media_type(std::string_view bytes) {
  const auto begins = [&](std::string_view magic) { return bytes.substr(0, magic.size()) == magic; };
  if (begins("\xFF\xD8\xFF")) return "image/jpeg";
  if (begins("\x89PNG\r\n\x1A\n")) return "image/png";
  if (begins("GIF8")) return "image/gif";
  if (begins("BM")) return "image/bmp";
  if (begins("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP") return "image/webp";
  return "";
}

[[nodiscard]] inline std::string data_uri(std::string_view bytes, const std::string& media_type) {
  return "data:" + media_type + ";base64," + base64(bytes);
}

/// Text inside HTML, SVG and their attributes. Bytes below 0x20 but tab and line ends become blanks (XML forbids them).
[[nodiscard]] inline std::string escape_markup(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' ? ' ' : c;
    }
  }
  return result;
}

}  // namespace limn::app

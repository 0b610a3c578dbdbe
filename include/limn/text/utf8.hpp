#pragma once
// UTF-8: validation, decoding and encoding, without any outside library.

#include <string>
#include <string_view>

#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::text {

/// One decoded character: its code point and how many bytes it takes. length 0: the bytes there are not UTF-8.
struct Utf8Char {
  char32_t code = 0;
  std::size_t length = 0;
};

/// The character that begins at `position` (which must be < text.size()). Overlong forms, surrogates, values above
/// U+10FFFF and cut sequences have length 0 (Unicode 15, table 3-7).
[[nodiscard]] inline Utf8Char decode_utf8(std::string_view text, std::size_t position) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  unsigned char low = 0x80, high = 0xBF;  // what the second byte may be
  char32_t code = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2, code = first & 0x1Fu;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3, code = first & 0x0Fu;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4, code = first & 0x07u;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return {};
  }
  if (text.size() - position < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) < low || byte(i) > high) return {};
    low = 0x80, high = 0xBF;
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  return {code, length};
}

/// The offset of the first byte that is not UTF-8, or npos when all of it is.
[[nodiscard]] inline std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text, i);
    if (c.length == 0) return i;
    i += c.length;
  }
  return std::string_view::npos;
}

[[nodiscard]] inline bool is_valid_utf8(std::string_view text) {
  return find_invalid_utf8(text) == std::string_view::npos;
}

/// Appends a code point as UTF-8; surrogates and values above U+10FFFF become U+FFFD.
inline void append_utf8(std::string& text, char32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = 0xFFFD;
  const auto put = [&text](char32_t value) { text += static_cast<char>(static_cast<unsigned char>(value)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      put(0xE0 | (code >> 12));
    } else {
      put(0xF0 | (code >> 18));
      put(0x80 | ((code >> 12) & 0x3F));
    }
    put(0x80 | ((code >> 6) & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

/// The code points of `text`. Throws Error("<where>: ...") at the first byte that is not UTF-8.
[[nodiscard]] inline std::u32string utf8_to_code_points(std::string_view text, const std::string& where) {
  std::u32string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text, i);
    if (c.length == 0) fail(where, "byte ", i, " of the text is not valid UTF-8; convert the text to UTF-8");
    result += c.code;
    i += c.length;
  }
  return result;
}

/// The text with each maximal invalid part replaced by U+FFFD: for texts that cannot be refused.
[[nodiscard]] inline std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool in_invalid = false;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text, i);
    if (c.length == 0) {
      if (!in_invalid) append_utf8(result, 0xFFFD);
      ++i;
    } else {
      result.append(text.substr(i, c.length));
      i += c.length;
    }
    in_invalid = c.length == 0;
  }
  return result;
}

/// White space as Unicode's White_Space property with the separators U+001C..U+001F (Python's str.isspace).
[[nodiscard]] inline bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace limn::inline LIMN_ABI::text

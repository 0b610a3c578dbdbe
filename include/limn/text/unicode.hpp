#pragma once
// Unicode: the one header that includes utf8proc. Normal forms, lower case, and the kinds of characters.

#include <cstdlib>
#include <string>
#include <string_view>

#include <utf8proc.h>

#include <limn/text/utf8.hpp>

namespace limn::inline LIMN_ABI::text {

namespace detail {

[[nodiscard]] inline std::string map_unicode(std::string_view text, int options, const char* where) {
  const std::size_t invalid = find_invalid_utf8(text);
  if (invalid != std::string_view::npos)
    fail(where, "byte ", invalid, " of the text is not valid UTF-8; convert the text to UTF-8");
  if (text.empty()) return {};
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(options));
  if (length < 0) fail(where, utf8proc_errmsg(length), "; shorten the text");
  std::string result(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length));
  std::free(mapped);  // NOLINT: utf8proc allocates with malloc
  return result;
}

[[nodiscard]] inline utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

/// Letters that have a case, for the rule of the final sigma.
[[nodiscard]] inline bool is_cased(char32_t c) {
  const utf8proc_category_t k = category(c);
  return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
}
/// Characters that the rule of the final sigma looks through: marks, format characters, modifiers, and signs inside
/// words.
[[nodiscard]] inline bool is_case_ignorable(char32_t c) {
  const utf8proc_category_t k = category(c);
  return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_ME || k == UTF8PROC_CATEGORY_CF ||
         k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_SK || c == U'\'' || c == U'.' || c == U':' ||
         c == U'\u00B7' || c == U'\u2018' || c == U'\u2019';
}

}  // namespace detail

/// Canonical composition. Throws Error for text that is not UTF-8.
[[nodiscard]] inline std::string nfc(std::string_view text) {
  return detail::map_unicode(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE, "nfc");
}
/// Canonical decomposition. Throws Error for text that is not UTF-8.
[[nodiscard]] inline std::string nfd(std::string_view text) {
  return detail::map_unicode(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, "nfd");
}

/// Lower case of one character; it may be two (capital I with dot).
[[nodiscard]] inline std::u32string lower_character(char32_t c) {
  if (c == 0x130) return U"i\u0307";
  return {static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)))};
}

/// Lower case as Python's str.lower(): character by character, and a capital sigma at the end of a word becomes the
/// final sigma.
[[nodiscard]] inline std::u32string lower(const std::u32string& text) {
  std::u32string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != 0x3A3) {
      result += text[i] < 0x80 ? std::u32string(1, text[i] >= U'A' && text[i] <= U'Z' ? text[i] + 32 : text[i])
                               : lower_character(text[i]);
      continue;
    }
    std::size_t before = i, after = i + 1;
    while (before > 0 && detail::is_case_ignorable(text[before - 1])) --before;
    while (after < text.size() && detail::is_case_ignorable(text[after])) ++after;
    const bool is_last =
        before > 0 && detail::is_cased(text[before - 1]) && (after == text.size() || !detail::is_cased(text[after]));
    result += is_last ? U'\u03C2' : U'\u03C3';
  }
  return result;
}
/// The same on UTF-8. Throws Error for text that is not UTF-8.
[[nodiscard]] inline std::string lower(std::string_view text) {
  std::string result;
  for (const char32_t c : lower(utf8_to_code_points(text, "lower"))) append_utf8(result, c);
  return result;
}

/// General category L*.
[[nodiscard]] inline bool is_letter(char32_t c) {
  const utf8proc_category_t k = detail::category(c);
  return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}
/// General category N*.
[[nodiscard]] inline bool is_number(char32_t c) {
  const utf8proc_category_t k = detail::category(c);
  return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}
/// General category Mn: accents and other marks that take no room of their own.
[[nodiscard]] inline bool is_nonspacing_mark(char32_t c) { return detail::category(c) == UTF8PROC_CATEGORY_MN; }
/// General category P*.
[[nodiscard]] inline bool is_punctuation(char32_t c) {
  const utf8proc_category_t k = detail::category(c);
  return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}
/// General category Cc, Cf, Co or Cs.
[[nodiscard]] inline bool is_control(char32_t c) {
  const utf8proc_category_t k = detail::category(c);
  return k >= UTF8PROC_CATEGORY_CC && k <= UTF8PROC_CATEGORY_CO;
}

}  // namespace limn::inline LIMN_ABI::text

#pragma once
// Captions as words: the cleaning of the Keras captioner, and splitting and joining at blanks.

#include <string>
#include <string_view>
#include <vector>

#include <limn/text/utf8.hpp>

namespace limn::inline LIMN_ABI::text {

/// A sentence as its words.
using Tokens = std::vector<std::string>;

/// The words that stand before and after every caption in training.
inline constexpr const char* start_word = "startseq";
inline constexpr const char* end_word = "endseq";

/// Splits at runs of ASCII white space; no empty words.
[[nodiscard]] inline Tokens split_words(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  Tokens words;
  for (std::size_t begin = text.find_first_not_of(blanks); begin != std::string_view::npos;) {
    const std::size_t end = text.find_first_of(blanks, begin);
    words.emplace_back(text.substr(begin, end - begin));
    begin = end == std::string_view::npos ? end : text.find_first_not_of(blanks, end);
  }
  return words;
}

[[nodiscard]] inline std::string join_words(const Tokens& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

/// Lower-cased, everything but a-z and white space dropped ("tri-colored" -> "tricolored"), white space collapsed to
/// single spaces, none at the ends. The result may be empty. Equals Python's re.sub(r"[^a-z\s]", "", text.lower()) on
/// every Unicode text; bytes that are not UTF-8 are dropped like any other character.
[[nodiscard]] inline std::string clean_caption(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool blank = false;
  for (std::size_t i = 0; i < text.size();) {
    const Utf8Char c = decode_utf8(text, i);
    i += c.length == 0 ? 1 : c.length;
    if (c.length == 0) continue;
    char letter = 0;
    if (c.code >= 'a' && c.code <= 'z') letter = static_cast<char>(c.code);
    if (c.code >= 'A' && c.code <= 'Z') letter = static_cast<char>(c.code - 'A' + 'a');
    if (c.code == 0x130) letter = 'i';   // capital I with dot: the only two characters beyond ASCII whose lower case
    if (c.code == 0x212A) letter = 'k';  // holds a letter a-z are this and the Kelvin sign
    if (letter != 0) {
      if (blank && !result.empty()) result += ' ';
      blank = false;
      result += letter;
    }
    blank = blank || is_space(c.code);
  }
  return result;
}

/// The words of clean_caption(text).
[[nodiscard]] inline Tokens caption_words(std::string_view text) { return split_words(clean_caption(text)); }

/// "startseq <clean caption> endseq": what the Keras captioner trains on.
[[nodiscard]] inline std::string framed_caption(std::string_view text) {
  const std::string clean = clean_caption(text);
  return std::string(start_word) + (clean.empty() ? "" : " ") + clean + " " + end_word;
}

}  // namespace limn::inline LIMN_ABI::text

// UTF-8 decoding against the table of well-formed sequences, normal forms, lower case and kinds of characters.

#include <doctest/doctest.h>

#include <limn/text/unicode.hpp>

using namespace limn;
using namespace limn::text;

TEST_CASE("utf8: every code point that may be encoded comes back, and no surrogate does") {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    const Utf8Char back = decode_utf8(text, 0);
    if (back.code != c || back.length != text.size() || !is_valid_utf8(text))
      FAIL("code point " << static_cast<std::uint32_t>(c));
    if (text.size() > 1 && is_valid_utf8(std::string_view(text).substr(0, text.size() - 1)))
      FAIL("a cut sequence was accepted");
  }
}

TEST_CASE("utf8: overlong forms, surrogates, too large values, lone and missing continuations are invalid") {
  for (const char* bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82",
        "\xF0\x9F\x98", "\xC3(", "\xE2(\xA1", "\xE2\x82("})
    CHECK(find_invalid_utf8(bad) == 0);
  CHECK(find_invalid_utf8("ab\xC3\xA9\xFFx") == 4);
  CHECK(is_valid_utf8(""));
  CHECK(replace_invalid_utf8("a\xFF\xFE"
                             "b\xC3") ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD");
  CHECK(utf8_to_code_points("a\xC3\xA9", "x") == U"a\u00E9");
  CHECK_THROWS_WITH_AS(static_cast<void>(utf8_to_code_points("a\xFF", "x")),
                       "x: byte 1 of the text is not valid UTF-8; convert the text to UTF-8", Error);
}

TEST_CASE("unicode: composition and decomposition are canonical") {
  CHECK(nfd("\xC3\xA9") == "e\xCC\x81");
  CHECK(nfc("e\xCC\x81") == "\xC3\xA9");
  CHECK(nfc("\xE2\x84\xAB") == "\xC3\x85");                              // Angstrom sign
  CHECK(nfd("\xED\x95\x9C") == "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB");  // Hangul
  CHECK(nfc("\xEF\xAC\x81") == "\xEF\xAC\x81");  // the ligature fi stays: it is compatible, not canonical
  CHECK(nfc("") == "");
  CHECK_THROWS_AS(static_cast<void>(nfc("\xFF")), Error);
}

TEST_CASE("lower: as Python's, with the dotted I and the final sigma") {
  CHECK(lower(std::string_view("ABC \xC3\x89")) == "abc \xC3\xA9");
  CHECK(lower(U"\u0130") == U"i\u0307");
  CHECK(lower(U"\u039F\u03A3") == U"\u03BF\u03C2");
  CHECK(lower(U"\u039F\u03A3\u039F") == U"\u03BF\u03C3\u03BF");
  CHECK(lower(U"\u03A3") == U"\u03C3");
  CHECK(lower(U"\u039F\u03A3'\u039F") == U"\u03BF\u03C3'\u03BF");
  CHECK(lower(U"\u212A\u1E9E") == U"k\u00DF");
}

TEST_CASE("unicode: the kinds of characters") {
  CHECK(is_letter(U'a'));
  CHECK(is_letter(0x4E2D));
  CHECK_FALSE(is_letter(U'1'));
  CHECK(is_number(0x00BD));
  CHECK(is_nonspacing_mark(0x301));
  CHECK(is_punctuation(U'!'));
  CHECK(is_punctuation(0x2014));
  CHECK_FALSE(is_punctuation(U'+'));
  CHECK(is_control(0x200D));
  CHECK(is_control(1));
  CHECK_FALSE(is_control(U' '));
  CHECK(is_space(0x3000));
  CHECK_FALSE(is_space(0x200B));
}

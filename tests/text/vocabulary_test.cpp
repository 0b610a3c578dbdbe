// Captions as words and words as ids.

#include <doctest/doctest.h>

#include <limn/text/vocabulary.hpp>

using namespace limn;
using namespace limn::text;

TEST_CASE("clean_caption: keeps the letters a-z in lower case and single blanks") {
  CHECK(clean_caption("A tri-colored Dog , 2 cats .") == "a tricolored dog cats");
  CHECK(clean_caption("  \t\n") == "");
  CHECK(clean_caption("...") == "");
  CHECK(clean_caption("a\xC2\xA0"
                      "b\xE2\x80\x83 c\x1F"
                      "d") == "a b c d");                     // no-break space, em space, unit separator
  CHECK(clean_caption("caf\xC3\xA9 \xFF x\xC3") == "caf x");  // accents and broken bytes go
  CHECK(clean_caption("\xE2\x84\xAA\xC4\xB0") == "ki");       // Kelvin sign, dotted capital I
  CHECK(clean_caption("a - b") == "a b");
}

TEST_CASE("framed_caption: stands between startseq and endseq, even when empty") {
  CHECK(framed_caption("A dog .") == "startseq a dog endseq");
  CHECK(framed_caption("!") == "startseq endseq");
}

TEST_CASE("split_words and join_words are each other's inverse on clean text") {
  CHECK(split_words(" a  b\tc\n") == Tokens{"a", "b", "c"});
  CHECK(split_words("").empty());
  CHECK(join_words({"a", "b"}) == "a b");
  CHECK(caption_words("A dog.") == Tokens{"a", "dog"});
}

TEST_CASE("vocabulary: ids fall with the count, ties by first appearance, rare words are unknown") {
  const Vocabulary v = Vocabulary::build({{"b", "a", "c"}, {"a", "c", "once"}, {"b", "a"}}, 2);
  CHECK(v.words() == Tokens{"<pad>", "startseq", "endseq", "<unk>", "a", "b", "c"});
  CHECK(v.size() == 7);
  CHECK(v.id("c") == 6);
  CHECK(v.id("once") == Vocabulary::unknown);
  CHECK_FALSE(v.contains("once"));
  CHECK(v.word(5) == "b");
  CHECK_THROWS_WITH_AS(static_cast<void>(v.word(7)), "vocabulary: there is no id 7 among 7 words", Error);
  CHECK_THROWS_AS(static_cast<void>(v.word(-1)), Error);
}

TEST_CASE("vocabulary: encode frames a sentence and decode undoes it") {
  const Vocabulary v = Vocabulary::build({{"a", "dog"}});
  CHECK(v.encode({"a", "cat"}) == std::vector<index_t>{1, 4, 3, 2});
  CHECK(v.decode({1, 5, 4, 0, 2, 5}) == Tokens{"dog", "a"});
  CHECK(v.decode({}).empty());
}

TEST_CASE("vocabulary: a special word in the text does not get a second id") {
  const Vocabulary v = Vocabulary::build({{"startseq", "a", "endseq"}});
  CHECK(v.size() == 5);
  CHECK(v.id("startseq") == Vocabulary::start);
}

TEST_CASE("vocabulary: its text reads back as the same vocabulary, and damage is named") {
  const Vocabulary v = Vocabulary::build({{"a", "dog", "a"}});
  CHECK(Vocabulary::from_text(v.to_text(), "x") == v);
  CHECK(Vocabulary::from_text(Vocabulary().to_text(), "x") == Vocabulary());
  const std::string head = Vocabulary().to_text();
  CHECK_THROWS_WITH_AS(static_cast<void>(Vocabulary::from_text(head + "a\na\n", "x")),
                       "x: the vocabulary has a word twice; it is damaged", Error);
  CHECK_THROWS_WITH_AS(static_cast<void>(Vocabulary::from_text(head + "a b\n", "x")),
                       "x: line 5 of the vocabulary is not one word; it is damaged", Error);
  CHECK_THROWS_AS(static_cast<void>(Vocabulary::from_text("", "x")), Error);
  CHECK_THROWS_AS(static_cast<void>(Vocabulary::from_text(head + "\n", "x")), Error);
  CHECK_THROWS_AS(static_cast<void>(Vocabulary::from_text(head + "\xFF\n", "x")), Error);
  CHECK_THROWS_AS(static_cast<void>(Vocabulary::build({{"two words"}})), Error);
}

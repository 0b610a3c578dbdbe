// Keras' tokenizer, padding and prefixes. The long comparison is the golden kind keras-text.

#include <doctest/doctest.h>

#include <limn/text/keras_tokenizer.hpp>

using namespace limn;
using namespace limn::text;

TEST_CASE("keras_words: filters separate, the apostrophe stays, case goes") {
  CHECK(keras_words("Hello, it's a DOG-house\tx\n") == Tokens{"hello", "it's", "a", "dog", "house", "x"});
  CHECK(keras_words("").empty());
  CHECK(keras_words("A-b", {.filters = "", .lower = false}) == Tokens{"A-b"});
  CHECK(keras_words("caf\xC3\x89\xE2\x80\x93x", {.filters = "\xE2\x80\x93"}) == Tokens{"caf\xC3\xA9", "x"});
  CHECK_THROWS_WITH_AS(static_cast<void>(keras_words("a\xFF")),
                       "keras tokenizer: byte 1 of the text is not valid UTF-8; convert the text to UTF-8", Error);
}

TEST_CASE("keras tokenizer: ids fall with the count, ties by first appearance, also over several fits") {
  KerasTokenizer tokenizer;
  tokenizer.fit({"b a c", "a"});
  CHECK(tokenizer.sequence("a b c d") == IdSequence{1, 2, 3});
  CHECK(tokenizer.vocabulary_size() == 4);
  tokenizer.fit({"c c c"});
  CHECK(tokenizer.sequence("a b c") == IdSequence{2, 3, 1});
}

TEST_CASE("keras tokenizer: num_words drops ids from there on, the oov token stands for them") {
  KerasTokenizer plain({.num_words = 2}), with_oov({.num_words = 3, .oov_token = "<unk>"});
  for (KerasTokenizer* tokenizer : {&plain, &with_oov}) tokenizer->fit({"a a b"});
  CHECK(plain.sequence("a b c a") == IdSequence{1, 1});
  CHECK(plain.word_index().size() == 2);
  CHECK(with_oov.sequence("a b c") == IdSequence{2, 1, 1});
  CHECK(KerasTokenizer({.oov_token = "x"}).sequence("a").empty());
}

TEST_CASE("pad_sequences: pads and cuts at the side asked for") {
  const std::vector<IdSequence> rows = {{1}, {}, {1, 2, 3}};
  CHECK(pad_sequences(rows) == std::vector<IdSequence>{{0, 0, 1}, {0, 0, 0}, {1, 2, 3}});
  CHECK(pad_sequences(rows, {.length = 2}) == std::vector<IdSequence>{{0, 1}, {0, 0}, {2, 3}});
  CHECK(pad_sequences(rows, {.length = 2, .padding = Side::post, .truncating = Side::post, .value = 9}) ==
        std::vector<IdSequence>{{1, 9}, {9, 9}, {1, 2}});
  CHECK(pad_sequences({}).empty());
  CHECK(pad_sequences(rows, {.length = 0}) == std::vector<IdSequence>{{}, {}, {}});
}

TEST_CASE("prefix_pairs: every prefix of a caption goes with its next word") {
  const PrefixPairs pairs = prefix_pairs({{5, 6, 7}, {8}}, 3);
  CHECK(pairs.prefixes == std::vector<IdSequence>{{0, 0, 5}, {0, 5, 6}});
  CHECK(pairs.next == IdSequence{6, 7});
}

// Captions are true, differ, share their wording enough to be learnt, and are the same everywhere.
#include "seen.hpp"

#include <map>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

using namespace limn;
using namespace limn::scenes;

namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

/// "two large red stars": what a caption claims is there.
struct Phrase {
  int count = 0;
  std::string size, colour, shape;  // size may be empty
  std::size_t begin = 0, end = 0;   // words
};

std::vector<Phrase> phrases_in(const std::vector<std::string>& words) {
  const std::map<std::string, int> numbers = {{"a", 1}, {"an", 1}, {"two", 2}, {"three", 3}, {"four", 4}};
  const std::map<std::string, std::string> sizes = {
      {"large", "large"}, {"big", "large"}, {"small", "small"}, {"little", "small"}};
  std::vector<Phrase> phrases;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!numbers.count(words[i])) continue;
    Phrase phrase;
    phrase.begin = i;
    phrase.count = numbers.at(words[i]);
    std::size_t at = i + 1;
    if (at < words.size() && sizes.count(words[at])) phrase.size = sizes.at(words[at++]);
    if (at + 1 >= words.size() || std::find(colour_names.begin(), colour_names.end(), words[at]) == colour_names.end())
      continue;
    phrase.colour = words[at++];
    phrase.shape = words[at];
    if (phrase.count > 1) phrase.shape.erase(phrase.shape.size() - (phrase.shape == "crosses" ? 2 : 1));
    phrase.end = at + 1;
    phrases.push_back(phrase);
  }
  return phrases;
}

std::vector<test::Seen> matching(const std::vector<test::Seen>& seen, const Phrase& phrase) {
  std::vector<test::Seen> found;
  for (const test::Seen& one : seen) {
    const bool size = phrase.size.empty() || one.size == phrase.size;
    if (size && one.colour == phrase.colour && one.shape == phrase.shape) found.push_back(one);
  }
  return found;
}

/// The words between two phrases, or after the last.
std::string between(const std::vector<std::string>& words, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) text += (text.empty() ? "" : " ") + words[i];
  return text;
}

}  // namespace

TEST_CASE("every caption is true of what is seen in the picture") {
  const std::map<std::string, std::string> relations = {
      {"to the left of", "left"}, {"left of", "left"}, {"to the right of", "right"},
      {"right of", "right"},      {"above", "above"},  {"over", "above"},
      {"below", "below"},         {"under", "below"},  {"inside", "inside"}};
  const std::map<std::string, std::string> places = {{"in the middle", "middle"},
                                                     {"on the left", "left"},
                                                     {"on the right", "right"},
                                                     {"at the top", "top"},
                                                     {"at the bottom", "bottom"},
                                                     {"in the top left corner", "top left"},
                                                     {"in the top right corner", "top right"},
                                                     {"in the bottom left corner", "bottom left"},
                                                     {"in the bottom right corner", "bottom right"}};
  int related = 0, placed = 0, middles = 0, backgrounds = 0;
  for (int i = 0; i < 400; ++i) {
    const Scene scene = make_scene(static_cast<std::uint64_t>(i + 5000), static_cast<Split>(i % 3));
    const std::vector<test::Seen> seen = test::look_at(scene, 160);
    for (const std::string& caption : captions(scene)) {
      CAPTURE(caption);
      const std::vector<std::string> words = words_of(caption);
      const std::vector<Phrase> phrases = phrases_in(words);
      int named = 0;
      for (const Phrase& phrase : phrases) {
        named += phrase.count;
        CHECK(static_cast<int>(matching(seen, phrase).size()) == phrase.count);
      }
      CHECK(named == static_cast<int>(seen.size()));

      // Relations between the first two objects.
      if (phrases.size() == 2) {
        std::string link = between(words, phrases[0].end, phrases[1].begin);
        if (link.rfind("is ", 0) == 0) link = link.substr(3);
        const test::Seen one = matching(seen, phrases[0]).at(0), other = matching(seen, phrases[1]).at(0);
        if (relations.count(link)) {
          CHECK(test::relation_of(one, other) == relations.at(link));
          ++related;
        }
        if (link == "around" || link == "with") {
          CHECK(test::relation_of(other, one) == "inside");
          ++related;
        }
      }
      if (phrases.size() == 3) {
        const bool last = caption.find("with") != std::string::npos;  // "a and b with c between them"
        const test::Seen one = matching(seen, phrases[last ? 0 : 1]).at(0),
                         other = matching(seen, phrases[last ? 1 : 2]).at(0),
                         middle = matching(seen, phrases[last ? 2 : 0]).at(0);
        const std::string relation = test::relation_of(one, middle);
        CHECK(relation == test::relation_of(middle, other));
        CHECK(relation != "inside");
        ++middles;
      }
      // Places of a single object, and backgrounds.
      if (seen.size() == 1) {
        for (const auto& [text, place] : places) {
          if (caption.find(text) == std::string::npos) continue;
          CHECK(test::place_of(seen[0]) == place);
          ++placed;
        }
      }
      for (const std::string_view background : background_names) {
        if (caption.find(background) == std::string::npos) continue;
        CHECK(background == name(scene.background));
        ++backgrounds;
      }
    }
  }
  CHECK(related > 300);
  CHECK(placed > 250);
  CHECK(middles > 150);
  CHECK(backgrounds > 1200);
}

TEST_CASE("the five captions of a scene differ and hold lower-case words only") {
  for (int i = 0; i < 3000; ++i) {
    const std::array<std::string, 5> texts =
        captions(make_scene(static_cast<std::uint64_t>(i), static_cast<Split>(i % 3)));
    CHECK(std::set<std::string>(texts.begin(), texts.end()).size() == 5);
    for (const std::string& text : texts) {
      for (const char c : text) CHECK_MESSAGE(((c >= 'a' && c <= 'z') || c == ' '), text);
      CHECK(words_of(text).size() <= 20);
      CHECK(text.find("  ") == std::string::npos);
      CHECK(text.find("a orange") == std::string::npos);
    }
  }
}

TEST_CASE("the vocabulary is small and the same in all splits") {
  std::array<std::set<std::string>, 3> vocabulary;
  for (int i = 0; i < 9000; ++i) {
    for (const std::string& text : captions(make_scene(static_cast<std::uint64_t>(i), static_cast<Split>(i % 3)))) {
      for (const std::string& word : words_of(text)) vocabulary[static_cast<std::size_t>(i % 3)].insert(word);
    }
  }
  CHECK(vocabulary[0].size() < 90);
  CHECK(vocabulary[0] == vocabulary[1]);
  CHECK(vocabulary[0] == vocabulary[2]);
}

TEST_CASE("most word groups of a caption are found in the scene's four others") {
  double found = 0, all = 0;  // groups of four words, as BLEU-4 counts them
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const std::array<std::string, 5> texts = captions(make_scene(seed, Split::test));
    for (std::size_t i = 0; i < 5; ++i) {
      std::set<std::string> others;
      for (std::size_t j = 0; j < 5; ++j) {
        const std::vector<std::string> words = words_of(texts[j]);
        for (std::size_t w = 0; j != i && w + 4 <= words.size(); ++w) others.insert(between(words, w, w + 4));
      }
      const std::vector<std::string> words = words_of(texts[i]);
      for (std::size_t w = 0; w + 4 <= words.size(); ++w)
        all += 1, found += others.count(between(words, w, w + 4)) ? 1 : 0;
    }
  }
  CHECK(found / all > 0.65);
  CHECK(found / all < 0.95);
}

TEST_CASE("captions are the same words for the same seed on every machine") {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (int i = 0; i < 300; ++i) {
    for (const std::string& text : captions(make_scene(static_cast<std::uint64_t>(i), static_cast<Split>(i % 3)))) {
      for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    }
  }
  CHECK(hash == 8146886127596789483u);
}

// Questions are answered rightly and cannot be answered without the picture.
#include "seen.hpp"

#include <map>
#include <regex>
#include <set>

#include <doctest/doctest.h>

using namespace limn;
using namespace limn::scenes;

namespace {

/// "circle", "red object", "red circles", "object that is not a circle": what it means for one seen object to be meant.
struct Meant {
  std::string colour, shape;  // empty: any
  bool matches(const test::Seen& one) const {
    return (colour.empty() || one.colour == colour) && (shape.empty() || one.shape == shape);
  }
};

Meant meaning(const std::string& noun) {
  Meant meant;
  for (const std::string_view colour : colour_names) {
    if (noun.find(std::string(colour)) != std::string::npos) meant.colour = colour;
  }
  for (const std::string_view shape : shape_names) {
    if (noun.find(std::string(shape)) != std::string::npos) meant.shape = shape;
  }
  return meant;
}

using Found = std::vector<test::Seen>;

Found those(const Found& seen, const std::string& noun, bool wanted = true) {
  const Meant meant = meaning(noun);
  Found found;
  for (const test::Seen& one : seen) {
    if (meant.matches(one) == wanted) found.push_back(one);
  }
  return found;
}

/// What all of them share, or "?" when they differ or there are none.
template <class Property>
std::string shared(const Found& found, Property property) {
  std::set<std::string> values;
  for (const test::Seen& one : found) values.insert(one.*property);
  return values.size() == 1 ? *values.begin() : "?";
}

std::string yes_no(bool yes) { return yes ? "yes" : "no"; }

bool same(const test::Seen& a, const test::Seen& b) { return a.left == b.left && a.top == b.top && a.right == b.right; }

/// Answers a question from what is seen, by reading its words. The background is not looked for.
std::string answer(const std::string& text, const Found& seen, const std::string& background) {
  std::smatch m;
  const auto is = [&](const char* pattern) { return std::regex_match(text, m, std::regex(pattern)); };
  const auto one = [&](const std::string& noun) {
    const Found found = those(seen, noun);
    REQUIRE(found.size() == 1);
    return found[0];
  };
  if (is("what colour is the object that is not (.*)\\?")) return shared(those(seen, m[1], false), &test::Seen::colour);
  if (is("what shape is the object that is not (.*)\\?")) return shared(those(seen, m[1], false), &test::Seen::shape);
  if (is("what shape is between (the .*) and (the .*)\\?")) {
    const test::Seen a = one(m[1]), b = one(m[2]);
    for (const test::Seen& c : seen) {
      if (same(a, c) || same(b, c)) continue;
      if (test::relation_of(a, c) == test::relation_of(c, b)) return c.shape;
    }
    return "?";
  }
  if (is("what shape is (?:to the )?(inside|above|below|left|right)(?: of)? (the .*)\\?")) {
    const test::Seen other = one(m[2]);
    for (const test::Seen& c : seen) {
      if (!same(c, other) && test::relation_of(c, other) == m[1]) return c.shape;
    }
    return "?";
  }
  if (is("what colour (?:is|are) (the .*)\\?")) return shared(those(seen, m[1]), &test::Seen::colour);
  if (is("what shape (?:is|are) (the .*)\\?")) return shared(those(seen, m[1]), &test::Seen::shape);
  if (is("(?:is|are) (the .*) small or large\\?")) return shared(those(seen, m[1]), &test::Seen::size);
  if (is("how many (.*) are there\\?")) return std::to_string(those(seen, m[1]).size());
  if (is("is there no (.*)\\?")) return yes_no(those(seen, m[1]).empty());
  if (is("is there an? (.*)\\?")) return yes_no(!those(seen, m[1]).empty());
  if (is("are there more (.*) than (.*)\\?")) return yes_no(those(seen, m[1]).size() > those(seen, m[2]).size());
  if (is("are (.*) and (.*) of the same size\\?")) return yes_no(one(m[1]).size == one(m[2]).size);
  if (is("is (.*) larger than (.*)\\?")) return yes_no(one(m[1]).size == "large" && one(m[2]).size == "small");
  if (is("where is (.*) when seen from (.*)\\?")) return test::relation_of(one(m[1]), one(m[2]));
  if (is("where is (.*)\\?")) return test::place_of(one(m[1]));
  if (is("is (the .*) (above|below) (the .*)\\?")) return yes_no(test::relation_of(one(m[1]), one(m[3])) == m[2]);
  if (is("is (the .*) to the (left|right) of (the .*)\\?"))
    return yes_no(test::relation_of(one(m[1]), one(m[3])) == m[2]);
  if (is("is the background an? (.*)\\?")) return yes_no(m[1] == background);
  if (is("what is in the background\\?")) {
    const std::map<std::string, std::string> words = {
        {"plain background", "plain"}, {"striped background", "stripes"}, {"checkered background", "checkers"},
        {"sunset sky", "sunset"},      {"grassy field", "grass"},         {"night sky", "night"},
        {"wavy sea", "sea"},           {"brick wall", "bricks"}};
    return words.at(background);
  }
  if (is("is (the .*) (?:on|at|in) the (.*?)(?: corner)? of the picture\\?"))
    return yes_no(test::place_of(one(m[1])) == m[2]);
  return "not understood";
}

/// The share of questions that the most frequent answer to the very same words would get right.
std::map<QuestionKind, double> guessing(Split learnt_from, Split asked_in, int scenes) {
  std::map<std::string, std::map<std::string, int>> seen;
  for (int seed = 0; seed < scenes; ++seed) {
    for (const Question& q : questions(make_scene(static_cast<std::uint64_t>(seed), learnt_from)))
      ++seen[q.text][q.answer];
  }
  std::map<QuestionKind, double> right, asked;
  for (int seed = scenes; seed < scenes + 6000; ++seed) {
    for (const Question& q : questions(make_scene(static_cast<std::uint64_t>(seed), asked_in))) {
      std::string guess;
      int most = 0;
      for (const auto& [text, n] : seen[q.text]) {
        if (n > most) most = n, guess = text;
      }
      right[q.kind] += guess == q.answer ? 1 : 0;
      asked[q.kind] += 1;
    }
  }
  for (auto& [kind, n] : right) n /= asked[kind];
  return right;
}

}  // namespace

TEST_CASE("every answer agrees with what is seen in the picture") {
  std::map<QuestionKind, int> checked;
  for (int i = 0; i < 450; ++i) {
    const Scene scene = make_scene(static_cast<std::uint64_t>(i + 9000), static_cast<Split>(i % 3));
    const Found seen = test::look_at(scene, 160);
    for (const Question& question : questions(scene)) {
      CAPTURE(question.text);
      CAPTURE(i);
      CHECK(answer(question.text, seen, name(scene.background)) == question.answer);
      ++checked[question.kind];
    }
  }
  CHECK(checked.size() == 10);
  for (const auto& item : checked) CHECK_MESSAGE(item.second > 100, name(item.first), " was asked ", item.second);
}

TEST_CASE("every answer is in the closed list, and every one of the list is given") {
  const std::vector<std::string> list = all_answers();
  const std::set<std::string> known(list.begin(), list.end());
  CHECK(known.size() == list.size());
  std::set<std::string> given;
  for (int i = 0; i < 6000; ++i) {
    for (const Question& question : questions(make_scene(static_cast<std::uint64_t>(i), static_cast<Split>(i % 3)))) {
      CHECK_MESSAGE(known.count(question.answer) == 1, question.answer);
      given.insert(question.answer);
    }
  }
  CHECK(given == known);
}

TEST_CASE("guessing from the words of the question alone is near chance") {
  const std::map<QuestionKind, double> chance = {{QuestionKind::colour, 1.0 / 6}, {QuestionKind::shape, 1.0 / 6},
                                                 {QuestionKind::size, 0.5},       {QuestionKind::count, 0.25},
                                                 {QuestionKind::existence, 0.5},  {QuestionKind::comparison, 0.5}};
  const auto guessed = guessing(Split::train, Split::train, 20000);
  for (const auto& item : chance) {
    CHECK_MESSAGE(guessed.at(item.first) < item.second + 0.06, name(item.first), ": ", guessed.at(item.first));
  }
  // The other kinds mix questions answered yes or no with open ones, of 4, 8 or 9 answers.
  for (const auto& item : guessed) CHECK_MESSAGE(item.second < 0.57, name(item.first), ": ", item.second);
  const auto on_test = guessing(Split::train, Split::test, 20000);
  for (const auto& item : on_test) CHECK_MESSAGE(item.second < 0.57, name(item.first), ": ", item.second);
}

TEST_CASE("every wording answered by yes or no is answered so equally often") {
  std::map<std::string, std::pair<double, double>> counts;  // by the first words and the kind
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    for (const Question& q : questions(make_scene(seed, Split::train))) {
      if (q.answer != "yes" && q.answer != "no") continue;
      auto& count = counts[name(q.kind)];
      (q.answer == "yes" ? count.first : count.second) += 1;
    }
  }
  CHECK(counts.size() == 6);  // existence, negation, comparison, place, relation, background
  for (const auto& item : counts) {
    const double yes = item.second.first, no = item.second.second;
    CHECK_MESSAGE(yes / (yes + no) == doctest::Approx(0.5).epsilon(0.04), item.first);
  }
}

TEST_CASE("counts from 1 to 4 are answered equally often, and open answers of a kind evenly") {
  std::map<std::string, std::map<std::string, double>> answers;
  for (std::uint64_t seed = 0; seed < 30000; ++seed) {
    for (const Question& q : questions(make_scene(seed, Split::train))) {
      if (q.text == "how many objects are there?") ++answers["objects"][q.answer];
      if (q.kind == QuestionKind::count && q.text != "how many objects are there?") ++answers["some"][q.answer];
      if (q.kind == QuestionKind::colour || q.kind == QuestionKind::shape) ++answers[name(q.kind)][q.answer];
      if (q.text == "what is in the background?") ++answers["background"][q.answer];
      if (q.text.rfind("where is", 0) == 0 && q.kind == QuestionKind::place) ++answers["place"][q.answer];
    }
  }
  const std::map<std::string, std::size_t> sizes = {{"objects", 4}, {"some", 5},       {"colour", 8},
                                                    {"shape", 8},   {"background", 8}, {"place", 9}};
  for (const auto& item : sizes) {
    const std::map<std::string, double>& given = answers[item.first];
    CHECK_MESSAGE(given.size() == item.second, item.first);
    double sum = 0;
    for (const auto& one : given) sum += one.second;
    const double even = 1.0 / static_cast<double>(item.second);
    for (const auto& one : given) CHECK_MESSAGE(one.second / sum == doctest::Approx(even).epsilon(0.2), item.first);
  }
}

TEST_CASE("questions name no pair of colour and shape that their split lacks") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    for (const Question& q : questions(make_scene(seed, Split::train))) {
      for (int i = 0; i < 64; ++i) {
        const Kind kind{static_cast<Colour>(i / 8), static_cast<Shape>(i % 8)};
        if (occurs_in(kind, Split::train)) continue;
        CHECK_MESSAGE(q.text.find(name(kind)) == std::string::npos, q.text);
      }
    }
  }
}

TEST_CASE("questions are the same words for the same seed on every machine") {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (int i = 0; i < 300; ++i) {
    for (const Question& q : questions(make_scene(static_cast<std::uint64_t>(i), static_cast<Split>(i % 3)))) {
      for (const char c : q.text + q.answer) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    }
  }
  CHECK(hash == 12938753515916620383u);
}

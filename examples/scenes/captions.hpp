#pragma once
// Five differently worded English captions of a scene: the canonical wording first, four others from a small grammar.

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "world.hpp"

namespace limn::scenes {

inline constexpr std::array<std::string_view, 8> shape_names = {"circle", "square", "triangle", "star",
                                                                "heart",  "ring",   "cross",    "diamond"};
inline constexpr std::array<std::string_view, 8> colour_names = {"red",  "orange", "yellow", "green",
                                                                 "blue", "purple", "pink",   "black"};
inline constexpr std::array<std::string_view, 2> size_names = {"small", "large"};
inline constexpr std::array<std::string_view, 8> background_names = {
    "plain background", "striped background", "checkered background", "sunset sky", "grassy field", "night sky",
    "wavy sea",         "brick wall"};
inline constexpr std::array<std::string_view, 5> number_names = {"no", "one", "two", "three", "four"};

template <class E>
[[nodiscard]] std::string name_of(const std::array<std::string_view, 8>& names, E value) {
  return std::string(names[static_cast<std::size_t>(value)]);
}
[[nodiscard]] inline std::string name(Shape shape) { return name_of(shape_names, shape); }
[[nodiscard]] inline std::string name(Colour colour) { return name_of(colour_names, colour); }
[[nodiscard]] inline std::string name(Background background) { return name_of(background_names, background); }
[[nodiscard]] inline std::string name(Kind kind) { return name(kind.colour) + " " + name(kind.shape); }

[[nodiscard]] inline std::string plural(Shape shape) { return name(shape) + (shape == Shape::cross ? "es" : "s"); }
[[nodiscard]] inline std::string plural(Kind kind) { return name(kind.colour) + " " + plural(kind.shape); }

/// "a red circle", "an orange circle".
[[nodiscard]] inline std::string with_article(const std::string& noun) {
  return (std::string_view("aeiou").find(noun[0]) == std::string_view::npos ? "a " : "an ") + noun;
}

namespace detail {

/// Puts phrases into a template at {0}, {1}, ...
inline std::string fill_in(std::string_view pattern, const std::vector<std::string>& phrases) {
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '{') {
      text += pattern[i];
      continue;
    }
    text += phrases[static_cast<std::size_t>(pattern[i + 1] - '0')];
    i += 2;
  }
  return text;
}

/// Wording: the usual words for the canonical caption, now and then another word in the others.
class Words {
 public:
  Words(Rng& rng, bool canonical) : rng_(rng), canonical_(canonical) {}

  std::string size(Size size) {
    if (canonical_ || !rng_.chance(12)) return std::string(size_names[static_cast<std::size_t>(size)]);
    return size == Size::large ? "big" : "little";
  }

  /// "a large red circle", "three small blue stars"; the size is left out when `sized` is false.
  std::string objects(const Object& object, int count, bool sized) {
    const std::string size_word = sized ? size(object.size) + " " : "";
    if (count == 1) return with_article(size_word + name(object.kind));
    return std::string(number_names[static_cast<std::size_t>(count)]) + " " + size_word + plural(object.kind);
  }

  std::string relation(Relation relation) {
    const bool usual = canonical_ || !rng_.chance(10);
    switch (relation) {
      case Relation::left_of:
        return usual ? "to the left of" : "left of";
      case Relation::right_of:
        return usual ? "to the right of" : "right of";
      case Relation::above:
        return usual ? "above" : "over";
      case Relation::below:
        return usual ? "below" : "under";
      case Relation::inside:
        break;
    }
    return "inside";
  }

 private:
  Rng& rng_;
  bool canonical_;
};

inline std::string on_background(Background background) {
  const bool sky = background == Background::sunset || background == Background::night;
  return (sky ? "in a " : "on a ") + name(background);
}

/// Where a single object is: "in the top left corner", "on the left", "in the middle".
inline std::string at_place(Place place) {
  constexpr std::array<std::string_view, 9> phrases = {"in the top left corner",
                                                       "at the top",
                                                       "in the top right corner",
                                                       "on the left",
                                                       "in the middle",
                                                       "on the right",
                                                       "in the bottom left corner",
                                                       "at the bottom",
                                                       "in the bottom right corner"};
  return std::string(phrases[static_cast<std::size_t>(place)]);
}

/// The same, to be followed by "of a brick wall": sides need their noun.
inline std::string at_place_of(Place place) {
  const bool side = place == Place::left || place == Place::right;
  return at_place(place) + (side ? " side" : "");
}

/// Five templates: the first, which is canonical, and four of the others in a random order.
inline std::array<std::string_view, 5> choose(Rng& rng, std::vector<std::string_view> patterns) {
  for (std::size_t i = patterns.size() - 1; i > 1; --i) {
    std::swap(patterns[i], patterns[1 + static_cast<std::size_t>(rng.below(static_cast<int>(i)))]);
  }
  std::array<std::string_view, 5> chosen;
  std::copy_n(patterns.begin(), 5, chosen.begin());
  return chosen;
}

inline std::vector<std::string_view> patterns_of(const Scene& scene) {
  switch (scene.layout) {
    case Layout::single:  // {0} object {1} place of {2} background {3} place {4} on background
      return {"{0} {1} of {2}", "there is {0} {1} of {2}", "the picture shows {0} {1} of {2}",
              "{0} {4}",        "{0} is {1} of {2}",       "{2} with {0} {3}"};
    case Layout::pair:  // {0} first {1} relation {2} second {3} opposite {4} on background
      return {"{0} {1} {2} {4}", "there is {0} {1} {2} {4}", "{2} {3} {0} {4}",   "the picture shows {0} {1} {2}",
              "{0} {1} {2}",     "{0} and {2} {4}",          "{0} is {1} {2} {4}"};
    case Layout::inside:  // {0} inner {2} container {4} on background
      return {"{0} inside {2} {4}",   "there is {0} inside {2} {4}",
              "{2} around {0} {4}",   "the picture shows {0} inside {2}",
              "{0} inside {2}",       "{2} with {0} inside {4}",
              "{0} is inside {2} {4}"};
    case Layout::between:  // {0} middle {1} left {2} right {3} on background
      return {"{0} between {1} and {2} {3}",           "there is {0} between {1} and {2} {3}",
              "{0} between {2} and {1} {3}",           "the picture shows {0} between {1} and {2}",
              "{1} and {2} with {0} between them {3}", "{0} is between {1} and {2} {3}"};
    case Layout::group:  // {0} objects {1} on background {2} background {3} objects, no size
      return {"{0} {1}",      "there are {0} {1}", "the picture shows {0} {1}",
              "{2} with {0}", "{3} {1}",           "a group of {0} {1}"};
    case Layout::two_groups:
      break;  // {0} first {1} second {2} on background {3} background {4} is or are
  }
  return {"{0} and {1} {2}", "there {4} {0} and {1} {2}", "the picture shows {0} and {1} {2}",
          "{1} and {0} {2}", "{3} with {0} and {1}",      "{0} and {1}"};
}

inline std::vector<std::string> phrases_of(const Scene& scene, Words words) {
  const std::vector<Object>& objects = scene.objects;
  const std::string background = with_article(name(scene.background)), on = on_background(scene.background);
  switch (scene.layout) {
    case Layout::single:
      return {words.objects(objects[0], 1, true), at_place_of(scene.place), background, at_place(scene.place), on};
    case Layout::pair:
    case Layout::inside:
      return {words.objects(objects[0], 1, true), words.relation(scene.relation), words.objects(objects[1], 1, true),
              words.relation(opposite(scene.relation)), on};
    case Layout::between:
      return {words.objects(objects[0], 1, false), words.objects(objects[1], 1, false),
              words.objects(objects[2], 1, false), on};
    case Layout::group: {
      const int count = static_cast<int>(objects.size());
      return {words.objects(objects[0], count, true), on, background, words.objects(objects[0], count, false)};
    }
    case Layout::two_groups:
      break;
  }
  int first = 0;
  for (const Object& object : objects) first += object.kind == objects[0].kind ? 1 : 0;
  return {words.objects(objects[0], first, true),
          words.objects(objects.back(), static_cast<int>(objects.size()) - first, true), on, background,
          first == 1 ? "is" : "are"};
}

}  // namespace detail

/// Five true captions in lower case, a to z and blanks only, no two alike. The first has the canonical wording.
[[nodiscard]] inline std::array<std::string, 5> captions(const Scene& scene) {
  Rng rng(scene.seed, 0xca9710u + static_cast<std::uint64_t>(scene.split));
  const std::array<std::string_view, 5> patterns = detail::choose(rng, detail::patterns_of(scene));
  std::array<std::string, 5> texts;
  for (std::size_t i = 0; i < 5; ++i) {
    texts[i] = detail::fill_in(patterns[i], detail::phrases_of(scene, detail::Words(rng, i == 0)));
  }
  return texts;
}

}  // namespace limn::scenes

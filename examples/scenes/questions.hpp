#pragma once
// Questions about a scene, each with one true answer out of a closed list, chosen so that guessing without the picture
// stays near chance: yes and no are drawn before the question is, and counts are thinned until they are even.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "captions.hpp"
#include "world.hpp"

namespace limn::scenes {

enum class QuestionKind : std::uint8_t {
  colour,
  shape,
  size,
  count,
  existence,
  negation,
  comparison,
  place,
  relation,
  background
};
inline constexpr std::array<std::string_view, 10> question_kind_names = {
    "colour", "shape", "size", "count", "existence", "negation", "comparison", "place", "relation", "background"};

struct Question {
  std::string text, answer;
  QuestionKind kind = QuestionKind::colour;
};

[[nodiscard]] inline std::string name(QuestionKind kind) {
  return std::string(question_kind_names[static_cast<std::size_t>(kind)]);
}

inline constexpr std::array<std::string_view, 9> place_answers = {
    "top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right"};
inline constexpr std::array<std::string_view, 4> relation_answers = {"left", "right", "above", "below"};
inline constexpr std::array<std::string_view, 8> background_answers = {"plain", "stripes", "checkers", "sunset",
                                                                       "grass", "night",   "sea",      "bricks"};

/// Every answer there is: yes, no, 0 to 4, colours, shapes, sizes, places, relations, backgrounds.
[[nodiscard]] inline std::vector<std::string> all_answers() {
  std::vector<std::string> answers = {"yes", "no", "0", "1", "2", "3", "4"};
  const auto add = [&answers](const auto& names) {
    for (const std::string_view text : names) {
      const std::string answer(text);
      bool known = false;
      for (const std::string& other : answers) known = known || other == answer;
      if (!known) answers.push_back(answer);  // "left" and "right" are places and relations
    }
  };
  add(colour_names), add(shape_names), add(size_names), add(place_answers), add(relation_answers),
      add(background_answers);
  return answers;
}

namespace detail {

/// Builds the questions of one scene. Each ask_... adds those of its kind whose answers are clear.
class Asker {
 public:
  explicit Asker(const Scene& scene)
      : scene_(scene),
        rng_(scene.seed, 0xa5ce2u + static_cast<std::uint64_t>(scene.split)),
        allowed_(kinds_of(scene.split)) {
    for (const Object& object : scene.objects) {
      if (present_.empty() || !(present_.back().kind == object.kind)) present_.push_back(object);
    }
  }

  std::vector<Question> ask() {
    ask_colour();
    ask_shape();
    ask_size();
    ask_count();
    ask_existence();
    ask_negation();
    ask_comparison();
    ask_place();
    ask_relation();
    ask_background();
    return std::move(questions_);
  }

 private:
  [[nodiscard]] int count(Kind kind) const {
    int n = 0;
    for (const Object& object : scene_.objects) n += object.kind == kind ? 1 : 0;
    return n;
  }
  [[nodiscard]] int count(Shape shape) const {
    int n = 0;
    for (const Object& object : scene_.objects) n += object.kind.shape == shape ? 1 : 0;
    return n;
  }
  [[nodiscard]] int count(Colour colour) const {
    int n = 0;
    for (const Object& object : scene_.objects) n += object.kind.colour == colour ? 1 : 0;
    return n;
  }
  /// "the red circle" is one object, or "the circle" a colour that all circles share.
  [[nodiscard]] bool one_colour(Kind kind) const { return count(kind) == count(kind.shape); }
  [[nodiscard]] bool one_shape(Kind kind) const { return count(kind) == count(kind.colour); }

  void add(QuestionKind kind, std::string text, std::string answer) {
    questions_.push_back({std::move(text), std::move(answer), kind});
  }
  static std::string yes_no(bool yes) { return yes ? "yes" : "no"; }
  bool coin() { return rng_.chance(50); }

  /// "the circle", or "the circles" when there are several.
  [[nodiscard]] std::string the(Kind kind) const { return "the " + (count(kind) == 1 ? name(kind) : plural(kind)); }

  /// "the circle" or "the red object".
  [[nodiscard]] std::string partly(Kind kind, bool by_shape) const {
    const bool one = count(kind) == 1;
    if (by_shape) return "the " + (one ? name(kind.shape) : plural(kind.shape));
    return "the " + name(kind.colour) + (one ? " object" : " objects");
  }

  template <class E, class Want>
  E random_value(int values, Want want) {  // a uniform choice among the values that satisfy want
    E value;
    do {
      value = static_cast<E>(rng_.below(values));
    } while (!want(value));
    return value;
  }

  Kind absent_kind() {
    Kind kind;
    do {
      kind = rng_.pick(allowed_);
    } while (count(kind) > 0);
    return kind;
  }

  void ask_colour() {
    const Kind kind = rng_.pick(present_).kind;
    if (!one_colour(kind)) return;
    const bool one = count(kind) == 1;
    add(QuestionKind::colour,
        one ? "what colour is the " + name(kind.shape) + "?" : "what colour are the " + plural(kind.shape) + "?",
        name(kind.colour));
  }

  void ask_shape() {
    const Kind kind = rng_.pick(present_).kind;
    if (!one_shape(kind)) return;
    const std::string object = name(kind.colour) + (count(kind) == 1 ? " object?" : " objects?");
    add(QuestionKind::shape, (count(kind) == 1 ? "what shape is the " : "what shape are the ") + object,
        name(kind.shape));
  }

  void ask_size() {  // the sizes of the other layouts are fixed: asking would give them away
    if (scene_.layout == Layout::inside || scene_.layout == Layout::between) return;
    const Object object = rng_.pick(present_);
    const bool one = count(object.kind) == 1, by_shape = coin();
    if (!(by_shape ? one_colour(object.kind) : one_shape(object.kind))) return;
    add(QuestionKind::size, (one ? "is " : "are ") + partly(object.kind, by_shape) + " small or large?",
        std::string(size_names[static_cast<std::size_t>(object.size)]));
  }

  void ask_count() {
    constexpr std::array<int, 5> keep_all = {0, 53, 30, 61, 100};  // percent, inverse to how frequent each number is
    const int total = static_cast<int>(scene_.objects.size());
    if (rng_.chance(keep_all[static_cast<std::size_t>(total)])) {
      add(QuestionKind::count, "how many objects are there?", std::to_string(total));
    }
    // Of some shape or colour: 0 to 4 by another thinning.
    constexpr std::array<int, 5> keep = {6, 8, 38, 84, 100};
    const bool by_shape = coin(), some = coin();
    const Kind kind = some ? rng_.pick(present_).kind : Kind{};
    if (by_shape) {
      const Shape shape =
          some ? kind.shape : random_value<Shape>(shape_count, [this](Shape s) { return count(s) == 0; });
      if (rng_.chance(keep[static_cast<std::size_t>(count(shape))])) {
        add(QuestionKind::count, "how many " + plural(shape) + " are there?", std::to_string(count(shape)));
      }
      return;
    }
    const Colour colour =
        some ? kind.colour : random_value<Colour>(colour_count, [this](Colour c) { return count(c) == 0; });
    if (rng_.chance(keep[static_cast<std::size_t>(count(colour))])) {
      add(QuestionKind::count, "how many " + name(colour) + " objects are there?", std::to_string(count(colour)));
    }
  }

  /// "red circle", "circle" or "red object", present in the scene or not as asked.
  std::string something(bool present) {
    const Kind kind = present ? rng_.pick(present_).kind : absent_kind();
    const int form = rng_.below(3);
    if (form == 0) return name(kind);
    if (form == 1) {
      const Shape shape =
          present ? kind.shape : random_value<Shape>(shape_count, [this](Shape s) { return count(s) == 0; });
      return name(shape);
    }
    const Colour colour =
        present ? kind.colour : random_value<Colour>(colour_count, [this](Colour c) { return count(c) == 0; });
    return name(colour) + " object";
  }

  void ask_existence() {
    const bool yes = coin();
    add(QuestionKind::existence, "is there " + with_article(something(yes)) + "?", yes_no(yes));
  }

  void ask_negation() {
    const bool yes = coin();
    const std::string nothing = something(!yes);
    add(QuestionKind::negation, "is there no " + nothing + "?", yes_no(yes));

    // "what colour is the object that is not a circle?"
    if (scene_.layout != Layout::pair || present_.size() != 2) return;
    const bool first = coin();
    const Kind asked = present_[first ? 0 : 1].kind, other = present_[first ? 1 : 0].kind;
    if (asked.shape != other.shape) {
      add(QuestionKind::negation, "what colour is the object that is not " + with_article(name(other.shape)) + "?",
          name(asked.colour));
    }
    if (asked.colour != other.colour) {
      add(QuestionKind::negation, "what shape is the object that is not " + name(other.colour) + "?",
          name(asked.shape));
    }
  }

  void ask_comparison() {
    if (scene_.layout == Layout::two_groups) {
      const int first = count(present_[0].kind), second = count(present_[1].kind);
      if (first == second) return;
      const bool yes = coin();
      const Kind more = present_[first > second ? 0 : 1].kind, fewer = present_[first > second ? 1 : 0].kind;
      add(QuestionKind::comparison,
          "are there more " + plural(yes ? more : fewer) + " than " + plural(yes ? fewer : more) + "?", yes_no(yes));
      return;
    }
    if (scene_.layout != Layout::pair) return;
    const Object& first = scene_.objects[0];
    const Object& second = scene_.objects[1];
    const bool swap = coin();
    bool by_shape = coin();
    if (first.kind.shape == second.kind.shape) by_shape = false;
    if (first.kind.colour == second.kind.colour) by_shape = true;
    const std::string one = partly((swap ? second : first).kind, by_shape);
    const std::string other = partly((swap ? first : second).kind, by_shape);
    add(QuestionKind::comparison, "are " + one + " and " + other + " of the same size?",
        yes_no(first.size == second.size));
    if (first.size == second.size) return;
    add(QuestionKind::comparison, "is " + one + " larger than " + other + "?",
        yes_no((swap ? second : first).size == Size::large));
  }

  void ask_place() {
    if (scene_.layout != Layout::single) return;
    const Kind kind = present_[0].kind;
    add(QuestionKind::place, "where is the " + name(kind) + "?",
        std::string(place_answers[static_cast<std::size_t>(scene_.place)]));
    const bool yes = coin();
    const Place place =
        yes ? scene_.place : random_value<Place>(place_count, [this](Place p) { return p != scene_.place; });
    add(QuestionKind::place, "is the " + name(kind) + " " + at_place(place) + " of the picture?", yes_no(yes));
  }

  void ask_relation() {
    if (scene_.layout == Layout::between) {
      const auto kind = [this](std::size_t i) { return scene_.objects[i].kind; };
      const bool swap = coin();
      add(QuestionKind::relation,
          "what shape is between " + the(kind(swap ? 2 : 1)) + " and " + the(kind(swap ? 1 : 2)) + "?",
          name(kind(0).shape));
      return;
    }
    if (scene_.layout == Layout::inside) {
      const Kind inner = scene_.objects[0].kind, outer = scene_.objects[1].kind;
      add(QuestionKind::relation, "what shape is inside " + the(outer) + "?", name(inner.shape));
      return;
    }
    if (scene_.layout != Layout::pair) return;
    constexpr std::array<std::string_view, 4> phrases = {"to the left of", "to the right of", "above", "below"};
    const auto phrase = [&phrases](Relation relation) {
      return std::string(phrases[static_cast<std::size_t>(relation)]);
    };
    const bool swap = coin(), yes = coin();
    const Kind one = scene_.objects[swap ? 1 : 0].kind, other = scene_.objects[swap ? 0 : 1].kind;
    const Relation relation = swap ? opposite(scene_.relation) : scene_.relation;
    add(QuestionKind::relation,
        "is " + the(one) + " " + phrase(yes ? relation : opposite(relation)) + " " + the(other) + "?", yes_no(yes));
    add(QuestionKind::relation, "what shape is " + phrase(relation) + " " + the(other) + "?", name(one.shape));
    add(QuestionKind::relation, "where is " + the(one) + " when seen from " + the(other) + "?",
        std::string(relation_answers[static_cast<std::size_t>(relation)]));
  }

  void ask_background() {
    const auto index = static_cast<std::size_t>(scene_.background);
    add(QuestionKind::background, "what is in the background?", std::string(background_answers[index]));
    const bool yes = coin();
    const Background shown =
        yes ? scene_.background
            : random_value<Background>(background_count, [this](Background b) { return b != scene_.background; });
    add(QuestionKind::background, "is the background " + with_article(name(shown)) + "?", yes_no(yes));
  }

  const Scene& scene_;
  Rng rng_;
  std::vector<Kind> allowed_;    // that occur in the split: questions name no others
  std::vector<Object> present_;  // one object of each kind in the scene
  std::vector<Question> questions_;
};

}  // namespace detail

/// Questions about a scene, in a fixed order of kinds: 5 to 16 of them.
[[nodiscard]] inline std::vector<Question> questions(const Scene& scene) { return detail::Asker(scene).ask(); }

}  // namespace limn::scenes

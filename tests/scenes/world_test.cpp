// What make_scene promises: compositions held apart, sizes that fit, the same scenes everywhere.
#include "../../examples/scenes/scenes.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>

#include <doctest/doctest.h>

using namespace limn::scenes;

namespace {

using Pair = std::pair<Colour, Shape>;

/// Written out, without composition_of: what stands in a scene, and how.
std::string described(const Scene& scene) {
  std::string text = std::to_string(static_cast<int>(scene.layout)) + ":";
  if (scene.layout == Layout::single) text += std::to_string(static_cast<int>(scene.place));
  if (scene.layout == Layout::pair) text += std::to_string(static_cast<int>(scene.relation));
  std::vector<std::string> objects;
  for (const Object& object : scene.objects) {
    objects.push_back((object.size == Size::large ? " large " : " small ") + name(object.kind));
  }
  if (scene.layout == Layout::two_groups) std::sort(objects.begin(), objects.end());
  if (scene.layout == Layout::between) std::sort(objects.begin() + 1, objects.end());
  for (const std::string& object : objects) text += object;
  return text;
}

std::set<Pair> pairs_in(Split split, int scenes) {
  std::set<Pair> found;
  for (int seed = 0; seed < scenes; ++seed) {
    for (const Object& object : make_scene(static_cast<std::uint64_t>(seed), split).objects) {
      found.insert({object.kind.colour, object.kind.shape});
    }
  }
  return found;
}

}  // namespace

TEST_CASE("no composition occurs in two splits") {
  std::map<std::string, Split> owner;
  for (int i = 0; i < 90000; ++i) {
    const Scene scene = make_scene(static_cast<std::uint64_t>(i), static_cast<Split>(i % 3));
    const auto at = owner.insert({described(scene), scene.split}).first;
    CHECK_MESSAGE(at->second == scene.split, at->first);
  }
  CHECK(owner.size() > 20000);
  CHECK(owner.size() < 80000);  // many came more than once, so the check had something to find
}

TEST_CASE("eight pairs of colour and shape occur in test scenes alone, eight in validation scenes alone") {
  const std::set<Pair> train = pairs_in(Split::train, 5000), val = pairs_in(Split::val, 5000),
                       test = pairs_in(Split::test, 5000);
  CHECK(train.size() == 48);
  CHECK(val.size() == 56);
  CHECK(test.size() == 56);
  std::set<Pair> all = val;
  all.insert(test.begin(), test.end());
  CHECK(all.size() == 64);
  for (const Pair& pair : train) CHECK(val.count(pair) + test.count(pair) == 2);
}

TEST_CASE("every split knows every colour and every shape, equally often") {
  for (const Split split : {Split::train, Split::val, Split::test}) {
    std::map<Colour, int> colours;
    std::map<Shape, int> shapes;
    const std::vector<Kind> kinds = kinds_of(split);
    for (const Kind kind : kinds) ++colours[kind.colour], ++shapes[kind.shape];
    CHECK(colours.size() == 8);
    CHECK(shapes.size() == 8);
    for (const auto& [colour, n] : colours) CHECK(n == static_cast<int>(kinds.size()) / 8);
    for (const auto& [shape, n] : shapes) CHECK(n == static_cast<int>(kinds.size()) / 8);
  }
}

TEST_CASE("a fifth of the test scenes or more show a pair of colour and shape that training never shows") {
  int fresh = 0;
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    bool unseen = false;
    for (const Object& object : make_scene(seed, Split::test).objects) {
      unseen = unseen || !occurs_in(object.kind, Split::train);
    }
    fresh += unseen ? 1 : 0;
  }
  CHECK(fresh > 800);
}

TEST_CASE("a scene depends on its seed and split alone") {
  for (const Split split : {Split::train, Split::val, Split::test}) {
    const Scene one = make_scene(77, split), again = make_scene(77, split);
    CHECK(captions(one) == captions(again));
    CHECK(draw(one).pixels == draw(again).pixels);
    CHECK(draw(one).pixels != draw(make_scene(78, split)).pixels);
  }
  CHECK(draw(make_scene(77, Split::train)).pixels != draw(make_scene(77, Split::test)).pixels);
}

TEST_CASE("objects lie in the picture and do not overlap but for inside") {
  for (int seed = 0; seed < 3000; ++seed) {
    const Scene scene = make_scene(static_cast<std::uint64_t>(seed), static_cast<Split>(seed % 3));
    CAPTURE(seed);
    CHECK(!scene.objects.empty());
    CHECK(scene.objects.size() <= 4);
    for (const Object& a : scene.objects) {
      CHECK(std::min(a.x, a.y) >= a.radius);
      CHECK(std::max(a.x, a.y) <= world_side - a.radius);
      for (const Object& b : scene.objects) {
        if (&a == &b || scene.layout == Layout::inside) continue;
        CHECK(std::max(std::abs(a.x - b.x), std::abs(a.y - b.y)) >= a.radius + b.radius);
      }
    }
  }
}

TEST_CASE("layouts, backgrounds and places come as often as planned") {
  std::map<Layout, int> layouts;
  std::map<Background, int> backgrounds;
  std::map<Place, int> places;
  for (std::uint64_t seed = 0; seed < 20000; ++seed) {
    const Scene scene = make_scene(seed, Split::train);
    ++layouts[scene.layout], ++backgrounds[scene.background];
    if (scene.layout == Layout::single) ++places[scene.place];
  }
  CHECK(layouts[Layout::single] == doctest::Approx(4800).epsilon(0.05));
  CHECK(layouts[Layout::pair] == doctest::Approx(5600).epsilon(0.05));
  for (const auto& [background, n] : backgrounds) CHECK(n == doctest::Approx(2500).epsilon(0.06));
  for (const auto& [place, n] : places) CHECK(n == doctest::Approx(4800.0 / 9).epsilon(0.15));
}

// The pictures show what the scenes say: objects are found again from the pixels alone.
#include "seen.hpp"

#include <set>
#include <tuple>

#include <doctest/doctest.h>

using namespace limn;
using namespace limn::scenes;

TEST_CASE(
    "every object of a scene is seen in its picture with its colour, shape, size and position, and nothing else") {
  for (int i = 0; i < 600; ++i) {
    const Scene scene = make_scene(static_cast<std::uint64_t>(i), static_cast<Split>(i % 3));
    const std::vector<test::Seen> seen = test::look_at(scene);
    CAPTURE(i);
    REQUIRE(seen.size() == scene.objects.size());
    std::set<std::size_t> found;
    for (const Object& object : scene.objects) {
      const double x = double(object.x) / world_side, y = double(object.y) / world_side;
      std::size_t best = 0;
      const auto distance = [&](std::size_t s) {
        const double wrong_size =
            (seen[s].size == "large") == (object.size == Size::large) ? 0 : 1;  // inside: same place
        return std::abs(seen[s].x - x) + std::abs(seen[s].y - y) + wrong_size;
      };
      for (std::size_t s = 1; s < seen.size(); ++s) best = distance(s) < distance(best) ? s : best;
      found.insert(best);
      CHECK(distance(best) < 0.06);
      CHECK(seen[best].colour == name(object.kind.colour));
      CHECK(seen[best].shape == name(object.kind.shape));
    }
    CHECK(found.size() == seen.size());
  }
}

TEST_CASE("what is seen of a single object and of a pair agrees with the scene's place and relation") {
  constexpr std::array<std::string_view, 5> relations = {"left", "right", "above", "below", "inside"};
  for (int i = 0; i < 500; ++i) {
    const Scene scene = make_scene(static_cast<std::uint64_t>(i + 1000), static_cast<Split>(i % 3));
    const std::vector<test::Seen> seen = test::look_at(scene, 128);
    CAPTURE(i);
    if (scene.layout == Layout::single) {
      CHECK(test::place_of(seen.at(0)) == place_answers[static_cast<std::size_t>(scene.place)]);
    }
    if (scene.layout != Layout::pair && scene.layout != Layout::inside) continue;
    REQUIRE(seen.size() == 2);
    const bool first =
        seen[0].colour == name(scene.objects[0].kind.colour) && seen[0].shape == name(scene.objects[0].kind.shape);
    CHECK(test::relation_of(seen[first ? 0 : 1], seen[first ? 1 : 0]) ==
          relations[static_cast<std::size_t>(scene.relation)]);
  }
}

TEST_CASE("pictures are the same bytes for the same seed on every machine") {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (int i = 0; i < 120; ++i) {
    const Scene scene = make_scene(static_cast<std::uint64_t>(i), static_cast<Split>(i % 3));
    for (const std::uint8_t byte : draw(scene).pixels) hash = (hash ^ byte) * 0x100000001b3u;
  }
  CHECK(hash == 17303165830082681136u);
}

TEST_CASE("draw_into overwrites whatever the image held") {
  const Scene scene = make_scene(5, Split::train);
  image::Image image = draw(make_scene(6, Split::train));
  draw_into(image, scene);
  CHECK(image.pixels == draw(scene).pixels);
}

TEST_CASE("the same scene is drawn at any size from 16") {
  const Scene scene = make_scene(3, Split::train);
  for (const index_t size : {16, 17, 64, 100, 224}) {
    const image::Image picture = draw(scene, {.size = size});
    CHECK(picture.width == size);
    CHECK(picture.pixels.size() == static_cast<std::size_t>(size * size * 3));
  }
  CHECK_THROWS_AS((void)draw(scene, {.size = 8}), Error);
}

TEST_CASE("backgrounds differ from scene to scene") {
  std::set<std::string> pictures;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Scene scene = make_scene(seed, Split::train);
    scene.objects.clear();
    const image::Image picture = draw(scene);
    pictures.insert(std::string(picture.pixels.begin(), picture.pixels.end()));
  }
  CHECK(pictures.size() > 90);
}

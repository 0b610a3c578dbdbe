#pragma once
// The procedural world: what a scene is, and make_scene, which builds one from a seed. Integers only: the same
// everywhere.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace limn::scenes {

enum class Shape : std::uint8_t { circle, square, triangle, star, heart, ring, cross, diamond };
enum class Colour : std::uint8_t { red, orange, yellow, green, blue, purple, pink, black };
enum class Size : std::uint8_t { small, large };
enum class Background : std::uint8_t { plain, striped, checkered, sunset, grass, night, sea, brick };

/// Named so that place = 3 * row + column, rows top, middle, bottom and columns left, middle, right.
enum class Place : std::uint8_t { top_left, top, top_right, left, middle, right, bottom_left, bottom, bottom_right };

/// What stands in the scene, and what its captions therefore talk about.
enum class Layout : std::uint8_t {
  single,      ///< one object at a place
  pair,        ///< two, one left of, right of, above or below the other
  inside,      ///< a small object, not a ring, inside a large circle, square or ring
  between,     ///< three small objects in a row or a column
  group,       ///< two to four alike
  two_groups,  ///< 1 + 2, 1 + 3 or 2 + 2 objects of two kinds
};

enum class Relation : std::uint8_t { left_of, right_of, above, below, inside };

enum class Split : std::uint8_t { train, val, test };

inline constexpr int shape_count = 8, colour_count = 8, background_count = 8, place_count = 9;

/// The side of the world. Positions count 1/256 of 1/64 of the image's side, whatever the image's size.
inline constexpr int world_side = 64 * 256;

/// What an object is, but for its size.
struct Kind {
  Colour colour = Colour::red;
  Shape shape = Shape::circle;
  friend bool operator==(Kind, Kind) = default;
};

struct Object {
  Kind kind;
  Size size = Size::small;
  int x = 0, y = 0, radius = 0;
};

/// One scene. Objects of one kind are neighbours in `objects`. Their order is the order in which captions name them:
/// `inside`: the inner first; `between`: the middle one, then left (top), then right (bottom); `pair`: the larger
/// first, or the left (top) one when both are of one size; `two_groups`: the fewer first, then the larger, then by
/// colour.
struct Scene {
  std::uint64_t seed = 0;
  Split split = Split::train;
  Layout layout = Layout::single;
  Background background = Background::plain;
  Place place = Place::middle;            ///< of a single object
  Relation relation = Relation::left_of;  ///< of objects[0] to objects[1] in a pair or inside
  std::vector<Object> objects;            ///< 1 to 4
};

/// The one split that a kind occurs in, or none (all three) for most kinds: 8 of the 64 pairs of colour and shape are
/// seen in test scenes alone and 8 in validation scenes alone. Each colour and each shape is in one of either 8 (3 and
/// 8 have no common factor), so training still shows each with 6 partners.
[[nodiscard]] constexpr bool occurs_in(Kind kind, Split split) {
  const int rule = (static_cast<int>(kind.shape) + 3 * static_cast<int>(kind.colour)) % 8;
  if (rule == 0) return split == Split::test;
  return rule == 4 ? split == Split::val : true;
}

/// All kinds that occur in a split.
[[nodiscard]] inline std::vector<Kind> kinds_of(Split split) {
  std::vector<Kind> kinds;
  for (int i = 0; i < colour_count * shape_count; ++i) {
    const Kind kind{static_cast<Colour>(i / shape_count), static_cast<Shape>(i % shape_count)};
    if (occurs_in(kind, split)) kinds.push_back(kind);
  }
  return kinds;
}

/// SplitMix64 (Steele, Lea, Flood 2014), with draws that do not depend on the standard library.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : state_(seed * 0xd1342543de82ef95u + stream) { next(); }

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  /// Uniform in [0, n).
  int below(int n) { return static_cast<int>((next() >> 32) * static_cast<std::uint64_t>(n) >> 32); }
  /// Uniform in [low, high].
  int between(int low, int high) { return low + below(high - low + 1); }
  /// True in `percent` of 100 draws.
  bool chance(int percent) { return below(100) < percent; }
  template <class List>
  const auto& pick(const List& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(list.size())))];
  }

 private:
  std::uint64_t state_;
};

[[nodiscard]] inline Relation opposite(Relation relation) {
  constexpr std::array<Relation, 4> other = {Relation::right_of, Relation::left_of, Relation::below, Relation::above};
  return relation == Relation::inside ? relation : other[static_cast<std::size_t>(relation)];
}

namespace detail {

inline constexpr int unit = 256;  // 1/64 of the side
inline constexpr int small_radius = 8 * unit, large_radius = 13 * unit, container_radius = 16 * unit;

inline int radius_of(Size size) { return size == Size::large ? large_radius : small_radius; }

inline Size random_size(Rng& rng) { return rng.chance(50) ? Size::large : Size::small; }

/// `count` kinds, no two alike.
inline std::vector<Kind> different_kinds(Rng& rng, const std::vector<Kind>& kinds, std::size_t count) {
  std::vector<Kind> chosen;
  while (chosen.size() < count) {
    const Kind kind = rng.pick(kinds);
    if (std::find(chosen.begin(), chosen.end(), kind) == chosen.end()) chosen.push_back(kind);
  }
  return chosen;
}

inline std::vector<Size> two_sizes(Rng& rng) {
  std::vector<Size> sizes;
  for (int i = 0; i < 2; ++i) sizes.push_back(random_size(rng));
  return sizes;
}

/// An object within `jitter` of a point. (Draws are statements: the order of a call's arguments is the compiler's
/// choice.)
inline Object object_near(Rng& rng, Kind kind, Size size, int x, int y, int jitter) {
  const int dx = rng.between(-jitter, jitter);
  const int dy = rng.between(-jitter, jitter);
  return {kind, size, x + dx, y + dy, radius_of(size)};
}

/// The same on a row, or on a column when `vertical`.
inline Object object_along(Rng& rng, bool vertical, Kind kind, Size size, int along, int across, int across_jitter) {
  along += rng.between(-unit, unit);
  across += rng.between(-across_jitter, across_jitter);
  return {kind, size, vertical ? across : along, vertical ? along : across, radius_of(size)};
}

inline void make_single(Scene& scene, Rng& rng, const std::vector<Kind>& kinds) {
  const Size size = random_size(rng);
  scene.place = static_cast<Place>(rng.below(place_count));
  const int row = static_cast<int>(scene.place) / 3 - 1, column = static_cast<int>(scene.place) % 3 - 1;
  const int reach = (size == Size::large ? 15 : 18) * unit, middle = world_side / 2;
  const Kind kind = rng.pick(kinds);
  scene.objects = {object_near(rng, kind, size, middle + column * reach, middle + row * reach, 2 * unit)};
}

inline void make_pair(Scene& scene, Rng& rng, const std::vector<Kind>& kinds) {
  const std::vector<Size> size = two_sizes(rng);
  const std::vector<Kind> kind = different_kinds(rng, kinds, 2);
  const bool vertical = rng.chance(50);
  const int base = world_side / 2 + rng.between(-8 * unit, 8 * unit);
  std::array<Object, 2> both;  // left or top one first
  for (std::size_t i = 0; i < 2; ++i) {
    both[i] = object_along(rng, vertical, kind[i], size[i], (i == 0 ? 16 : 48) * unit, base, 3 * unit);
  }
  const bool swap = both[0].size == Size::small && both[1].size == Size::large;
  scene.relation = vertical ? Relation::above : Relation::left_of;
  if (swap) scene.relation = opposite(scene.relation);
  scene.objects = {both[swap ? 1 : 0], both[swap ? 0 : 1]};
}

inline void make_inside(Scene& scene, Rng& rng, const std::vector<Kind>& kinds) {
  scene.relation = Relation::inside;
  Kind outer, inner;
  do {
    outer = rng.pick(kinds);
  } while (outer.shape != Shape::circle && outer.shape != Shape::square && outer.shape != Shape::ring);
  do {
    inner = rng.pick(kinds);
  } while (inner.colour == outer.colour || inner.shape == Shape::ring);  // a ring would show the container in its hole
  const Object container = object_near(rng, outer, Size::large, world_side / 2, world_side / 2, 12 * unit);
  scene.objects = {object_near(rng, inner, Size::small, container.x, container.y, unit), container};
  scene.objects[0].radius = 7 * unit;
  scene.objects[1].radius = container_radius;
}

inline void make_between(Scene& scene, Rng& rng, const std::vector<Kind>& kinds) {
  const std::vector<Kind> kind = different_kinds(rng, kinds, 3);
  const bool vertical = rng.chance(50);
  const int base = world_side / 2 + rng.between(-14 * unit, 14 * unit);
  constexpr std::array<int, 3> column = {32, 11, 53};
  for (std::size_t i = 0; i < 3; ++i) {
    scene.objects.push_back(object_along(rng, vertical, kind[i], Size::small, column[i] * unit, base, 2 * unit));
  }
}

/// Puts counts[i] objects of kind[i] into different quarters of the picture.
inline void make_groups(Scene& scene, Rng& rng, const std::vector<Kind>& kind, const std::vector<int>& counts,
                        const std::vector<Size>& sizes) {
  std::array<int, 4> quarter = {0, 1, 2, 3};
  for (std::size_t i = 3; i > 0; --i)
    std::swap(quarter[i], quarter[static_cast<std::size_t>(rng.below(static_cast<int>(i) + 1))]);
  std::size_t used = 0;
  for (std::size_t group = 0; group < kind.size(); ++group) {
    for (int i = 0; i < counts[group]; ++i, ++used) {
      const int jitter = (sizes[group] == Size::large ? 1 : 6) * unit;
      const int x = (quarter[used] % 2 == 0 ? 16 : 48) * unit, y = (quarter[used] / 2 == 0 ? 16 : 48) * unit;
      scene.objects.push_back(object_near(rng, kind[group], sizes[group], x, y, jitter));
    }
  }
}

inline void make_two_groups(Scene& scene, Rng& rng, const std::vector<Kind>& kinds) {
  constexpr std::array<std::array<int, 2>, 3> ways = {{{1, 2}, {1, 3}, {2, 2}}};
  const auto& way = rng.pick(ways);
  std::vector<Size> sizes = two_sizes(rng);
  std::vector<Kind> kind = different_kinds(rng, kinds, 2);
  const bool larger_second = sizes[0] == Size::small && sizes[1] == Size::large;
  const bool colour_second = sizes[0] == sizes[1] && kind[1].colour < kind[0].colour;
  const bool shape_second = sizes[0] == sizes[1] && kind[1].colour == kind[0].colour && kind[1].shape < kind[0].shape;
  if (way[0] == way[1] && (larger_second || colour_second || shape_second)) {
    std::swap(kind[0], kind[1]);
    std::swap(sizes[0], sizes[1]);
  }
  make_groups(scene, rng, kind, {way[0], way[1]}, sizes);
}

inline void make_group(Scene& scene, Rng& rng, const std::vector<Kind>& kinds) {
  const Size size = random_size(rng);
  const Kind kind = rng.pick(kinds);
  const int count = rng.between(2, 4);
  make_groups(scene, rng, {kind}, {count}, {size});
}

inline void place_objects(Scene& scene, Rng& rng, const std::vector<Kind>& kinds) {
  switch (scene.layout) {
    case Layout::single:
      return make_single(scene, rng, kinds);
    case Layout::pair:
      return make_pair(scene, rng, kinds);
    case Layout::inside:
      return make_inside(scene, rng, kinds);
    case Layout::between:
      return make_between(scene, rng, kinds);
    case Layout::group:
      return make_group(scene, rng, kinds);
    case Layout::two_groups:
      return make_two_groups(scene, rng, kinds);
  }
}

}  // namespace detail

/// Names a composition: which kinds stand there, in which sizes and numbers, and where or in which relation. Scenes
/// that differ in background and exact positions only have the same one.
[[nodiscard]] inline std::uint64_t composition_of(const Scene& scene) {
  std::uint64_t key = static_cast<std::uint64_t>(scene.layout) + 1;
  const auto append = [&key](auto value, int values) {
    key = key * static_cast<std::uint64_t>(values) + static_cast<std::uint64_t>(value);
  };
  if (scene.layout == Layout::single) append(scene.place, place_count);
  if (scene.layout == Layout::pair) append(scene.relation, 5);
  std::vector<int> objects;  // 7 bits each, 4 at most
  for (const Object& object : scene.objects) {
    const int kind = static_cast<int>(object.kind.colour) * shape_count + static_cast<int>(object.kind.shape);
    objects.push_back(2 * kind + static_cast<int>(object.size));
  }
  if (scene.layout == Layout::between && objects[2] < objects[1])
    std::swap(objects[1], objects[2]);  // its mirror image
  for (const int object : objects) append(object, 2 * colour_count * shape_count);
  return key;
}

/// The split that a composition belongs to, by a hash: 70 % train, 10 % val, 20 % test.
[[nodiscard]] inline Split split_of(const Scene& scene) {
  const int draw = Rng(composition_of(scene), 0xc0de5u).below(10);
  return draw < 7 ? Split::train : draw < 8 ? Split::val : Split::test;
}

/// The scene of a seed in a split. Its composition belongs to the split (split_of), so none is in two splits; its kinds
/// occur in the split (occurs_in), so that some pairs of colour and shape are new at test time. The same seed in two
/// splits gives unrelated scenes.
[[nodiscard]] inline Scene make_scene(std::uint64_t seed, Split split) {
  static const std::array<std::vector<Kind>, 3> kinds_by_split = {kinds_of(Split::train), kinds_of(Split::val),
                                                                  kinds_of(Split::test)};
  const std::vector<Kind>& kinds = kinds_by_split[static_cast<std::size_t>(split)];
  Rng rng(seed, 0x5ce9e5u + static_cast<std::uint64_t>(split));
  Scene scene;
  scene.seed = seed;
  scene.split = split;
  scene.background = static_cast<Background>(rng.below(background_count));
  constexpr std::array<int, 6> share = {24, 28, 10, 12, 14, 12};  // percent, in the order of Layout
  int draw = rng.below(100), layout = 0;
  while (draw >= share[static_cast<std::size_t>(layout)]) draw -= share[static_cast<std::size_t>(layout++)];
  scene.layout = static_cast<Layout>(layout);
  do {
    scene.objects.clear();
    detail::place_objects(scene, rng, kinds);
  } while (split_of(scene) != split);
  return scene;
}

}  // namespace limn::scenes

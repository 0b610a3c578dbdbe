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

/// The split a composition (size, colour, shape) belongs to. Of 128, 32 occur in test scenes alone, 16 in validation
/// scenes alone and 80 in training; in each, every colour meets every shape equally often (3 and 8 have no common
/// factor). The pairs of rule 0, one for each colour and each shape, are unseen in training in both sizes.
[[nodiscard]] constexpr Split split_of(Size size, Kind kind) {
  const int rule = (static_cast<int>(kind.shape) + 3 * static_cast<int>(kind.colour)) % 8;
  const bool large = size == Size::large;
  if (rule == 0 || rule == (large ? 4 : 2)) return Split::test;
  return rule == (large ? 6 : 3) ? Split::val : Split::train;
}

/// All kinds that occur in a split in a size.
[[nodiscard]] inline std::vector<Kind> kinds_of(Split split, Size size) {
  std::vector<Kind> kinds;
  for (int i = 0; i < colour_count * shape_count; ++i) {
    const Kind kind{static_cast<Colour>(i / shape_count), static_cast<Shape>(i % shape_count)};
    if (split_of(size, kind) == split) kinds.push_back(kind);
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
inline constexpr int small_radius = 15 * unit / 2, large_radius = 13 * unit, container_radius = 16 * unit;

inline int radius_of(Size size) { return size == Size::large ? large_radius : small_radius; }

inline Size random_size(Rng& rng) { return rng.chance(50) ? Size::large : Size::small; }

/// The kinds of a split, by size.
struct Kinds {
  explicit Kinds(Split split) : of{kinds_of(split, Size::small), kinds_of(split, Size::large)} {}
  [[nodiscard]] const std::vector<Kind>& operator[](Size size) const { return of[static_cast<std::size_t>(size)]; }
  std::array<std::vector<Kind>, 2> of;
};

/// A kind for each size, no two alike.
inline std::vector<Kind> different_kinds(Rng& rng, const Kinds& kinds, const std::vector<Size>& sizes) {
  std::vector<Kind> chosen;
  while (chosen.size() < sizes.size()) {
    const Kind kind = rng.pick(kinds[sizes[chosen.size()]]);
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

inline void make_single(Scene& scene, Rng& rng, const Kinds& kinds) {
  const Size size = random_size(rng);
  scene.place = static_cast<Place>(rng.below(place_count));
  const int row = static_cast<int>(scene.place) / 3 - 1, column = static_cast<int>(scene.place) % 3 - 1;
  const int reach = (size == Size::large ? 15 : 18) * unit, middle = world_side / 2;
  const Kind kind = rng.pick(kinds[size]);
  scene.objects = {object_near(rng, kind, size, middle + column * reach, middle + row * reach, 2 * unit)};
}

inline void make_pair(Scene& scene, Rng& rng, const Kinds& kinds) {
  const std::vector<Size> size = two_sizes(rng);
  const std::vector<Kind> kind = different_kinds(rng, kinds, size);
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

inline void make_inside(Scene& scene, Rng& rng, const Kinds& kinds) {
  scene.relation = Relation::inside;
  Kind outer, inner;
  do {
    outer = rng.pick(kinds[Size::large]);
  } while (outer.shape != Shape::circle && outer.shape != Shape::square && outer.shape != Shape::ring);
  do {
    inner = rng.pick(kinds[Size::small]);
  } while (inner.colour == outer.colour || inner.shape == Shape::ring);  // a ring would show the container in its hole
  const Object container = object_near(rng, outer, Size::large, world_side / 2, world_side / 2, 12 * unit);
  scene.objects = {object_near(rng, inner, Size::small, container.x, container.y, unit), container};
  scene.objects[0].radius = 7 * unit;
  scene.objects[1].radius = container_radius;
}

inline void make_between(Scene& scene, Rng& rng, const Kinds& kinds) {
  const std::vector<Kind> kind = different_kinds(rng, kinds, {Size::small, Size::small, Size::small});
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

inline void make_two_groups(Scene& scene, Rng& rng, const Kinds& kinds) {
  constexpr std::array<std::array<int, 2>, 3> ways = {{{1, 2}, {1, 3}, {2, 2}}};
  const auto& way = rng.pick(ways);
  std::vector<Size> sizes = two_sizes(rng);
  std::vector<Kind> kind = different_kinds(rng, kinds, sizes);
  const bool larger_second = sizes[0] == Size::small && sizes[1] == Size::large;
  const bool colour_second = sizes[0] == sizes[1] && kind[1].colour < kind[0].colour;
  const bool shape_second = sizes[0] == sizes[1] && kind[1].colour == kind[0].colour && kind[1].shape < kind[0].shape;
  if (way[0] == way[1] && (larger_second || colour_second || shape_second)) {
    std::swap(kind[0], kind[1]);
    std::swap(sizes[0], sizes[1]);
  }
  make_groups(scene, rng, kind, {way[0], way[1]}, sizes);
}

}  // namespace detail

/// The scene of a seed in a split. Every composition in it belongs to the split (split_of), so no composition is in two
/// splits; the same seed in two splits gives unrelated scenes.
[[nodiscard]] inline Scene make_scene(std::uint64_t seed, Split split) {
  static const std::array<detail::Kinds, 3> kinds_by_split = {detail::Kinds(Split::train), detail::Kinds(Split::val),
                                                              detail::Kinds(Split::test)};
  const detail::Kinds& kinds = kinds_by_split[static_cast<std::size_t>(split)];
  Rng rng(seed, 0x5ce9e5u + static_cast<std::uint64_t>(split));
  Scene scene;
  scene.seed = seed;
  scene.split = split;
  scene.background = static_cast<Background>(rng.below(background_count));
  constexpr std::array<int, 6> share = {24, 28, 10, 12, 14, 12};  // percent, in the order of Layout
  int draw = rng.below(100), layout = 0;
  while (draw >= share[static_cast<std::size_t>(layout)]) draw -= share[static_cast<std::size_t>(layout++)];
  scene.layout = static_cast<Layout>(layout);
  switch (scene.layout) {
    case Layout::single:
      detail::make_single(scene, rng, kinds);
      break;
    case Layout::pair:
      detail::make_pair(scene, rng, kinds);
      break;
    case Layout::inside:
      detail::make_inside(scene, rng, kinds);
      break;
    case Layout::between:
      detail::make_between(scene, rng, kinds);
      break;
    case Layout::group: {
      const Size size = detail::random_size(rng);
      const Kind kind = rng.pick(kinds[size]);
      const int count = rng.between(2, 4);
      detail::make_groups(scene, rng, {kind}, {count}, {size});
      break;
    }
    case Layout::two_groups:
      detail::make_two_groups(scene, rng, kinds);
      break;
  }
  return scene;
}

}  // namespace limn::scenes

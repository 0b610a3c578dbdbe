// Strided copies on the GPU, through the front door, against a plain walk.

#include <limn_kernels/copy.hpp>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

/// Places of the walk in row-major order, moved so that the least is 0.
struct Places {
  std::vector<index_t> at;
  index_t start = 0, extent = 0;
};

Places places(const kernels::StridedShape& s) {
  Places result;
  const index_t n = s.numel();
  index_t least = 0, largest = 0;
  for (index_t i = 0; i < n; ++i) {
    index_t rest = i, offset = 0;
    for (index_t d = s.rank - 1; d >= 0; --d) {
      offset += rest % s.extents[d] * s.strides[d];
      rest /= s.extents[d];
    }
    result.at.push_back(offset);
    least = offset < least ? offset : least;
    largest = offset > largest ? offset : largest;
  }
  result.start = -least;
  result.extent = largest - least + 1;
  return result;
}

const std::vector<kernels::StridedShape>& views() {
  static const std::vector<kernels::StridedShape> all = {
      {},                                                                 // one element
      {.rank = 1, .extents = {1000}, .strides = {1}},                     // contiguous
      {.rank = 2, .extents = {3, 0}, .strides = {5, 1}},                  // none
      {.rank = 1, .extents = {257}, .strides = {-1}},                     // backwards
      {.rank = 2, .extents = {31, 33}, .strides = {40, 1}},               // gaps between rows
      {.rank = 2, .extents = {31, 33}, .strides = {66, 2}},               // every other element
      {.rank = 2, .extents = {33, 65}, .strides = {1, 33}},               // transposed
      {.rank = 2, .extents = {4, 1000}, .strides = {1, 7}},               // transposed, narrow, with gaps
      {.rank = 2, .extents = {64, 32}, .strides = {1, -64}},              // transposed and backwards
      {.rank = 3, .extents = {3, 35, 5}, .strides = {175, 1, 35}},        // channels last from channels first
      {.rank = 4, .extents = {2, 5, 3, 33}, .strides = {1, 198, 66, 2}},  // the first dimension last
      {.rank = 4, .extents = {5, 2, 4, 6}, .strides = {1, 40, -80, 5}},   // four in another order
      {.rank = 5, .extents = {2, 3, 1, 5, 7}, .strides = {105, -35, 999, 1, 5}}};
  return all;
}

/// Both ways over every view, from T to U.
template <class T, class U, class Values>
void check_copies(Values&& of) {
  for (const kernels::StridedShape& s : views()) {
    const Places walk = places(s);
    const std::vector<double> strided = of(walk.extent, 41), packed = of(s.numel(), 43);
    std::vector<double> gathered;
    std::vector<double> scattered = strided;
    for (std::size_t i = 0; i < packed.size(); ++i) {
      const auto at = static_cast<std::size_t>(walk.start + walk.at[i]);
      gathered.push_back(strided[at]);
      scattered[at] = packed[i];
    }
    const Buffer<T> at_strided(strided), at_packed(packed);
    expect<U>(gathered, 0, [&](U* y) { kernels::gather_strided(under_test, s, at_strided.data() + walk.start, y); });
    expect<U>(
        scattered, 0, [&](U* y) { kernels::scatter_strided(under_test, s, at_packed.data(), y + walk.start); },
        strided);
  }
}

TEST_CASE_TEMPLATE(
    "gather_strided and scatter_strided: any walk, transposed, backwards, with gaps, empty, for words of every size", T,
    std::int8_t, bool, std::int16_t, float, std::int32_t, double, std::int64_t) {
  if (!have_device()) return;
  check_copies<T, T>([](index_t count, std::uint64_t seed) {
    std::vector<double> v = values(count, seed);
    for (double& value : v) value = static_cast<double>(static_cast<T>(static_cast<float>(value * 30)));
    return v;
  });
}

TEST_CASE_TEMPLATE("gather_strided and scatter_strided convert between float and double", T, float, double) {
  if (!have_device()) return;
  check_copies<T, std::conditional_t<std::is_same_v<T, float>, double, float>>(values);
}

TEST_CASE("gather_strided and scatter_strided convert bytes to float") {
  if (!have_device()) return;
  check_copies<std::uint8_t, float>([](index_t count, std::uint64_t seed) {
    std::vector<double> v = values(count, seed);
    for (double& value : v) value = static_cast<double>(static_cast<std::uint8_t>(static_cast<int>(value * 100)));
    return v;
  });
}

TEST_CASE("gather_strided: a stride of 0 repeats") {
  if (!have_device()) return;
  const auto x = values(33, 59);
  for (const kernels::StridedShape& s : {kernels::StridedShape{.rank = 2, .extents = {257, 33}, .strides = {0, 1}},
                                         {.rank = 2, .extents = {33, 40}, .strides = {1, 0}},
                                         {.rank = 3, .extents = {2, 33, 31}, .strides = {0, 1, 0}}}) {
    const Places walk = places(s);
    std::vector<double> expected;
    for (const index_t at : walk.at) expected.push_back(x[static_cast<std::size_t>(at)]);
    const Buffer<float> at_x(x);
    expect<float>(expected, 0, [&](float* y) { kernels::gather_strided(under_test, s, at_x.data(), y); });
  }
}

TEST_CASE("gather_strided: a pair of types that the GPU does not convert is named") {
  if (!have_device()) return;
  const Buffer<float> x(1);
  const Buffer<std::int32_t> y(1);
  CHECK_THROWS_AS(kernels::gather_strided(under_test, kernels::StridedShape{}, x.data(), y.data()), Error);
}

}  // namespace
}  // namespace limn::test

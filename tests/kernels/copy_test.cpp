// The strided copies and the sum of gradients, against plain loops.

#include <algorithm>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <limn_kernels/accumulate.hpp>
#include <limn_kernels/copy.hpp>

using namespace limn;

namespace {

std::vector<float> count_up(std::size_t n) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(i);
  return x;
}

/// Every permutation of a view of random extents, some of them backwards, against a plain walk.
template <class T, class U>
void compare_with_plain_walk(std::mt19937& random) {
  const auto number = [&](index_t least, index_t most) {
    return std::uniform_int_distribution<index_t>(least, most)(random);
  };
  kernels::StridedShape s{.rank = number(1, 4)};
  index_t order[4] = {0, 1, 2, 3}, size = 1, start = 0;
  std::shuffle(order, order + s.rank, random);
  for (index_t i = s.rank; i-- > 0;) {
    const index_t d = order[i];
    s.extents[d] = number(1, s.rank > 2 ? 20 : 70);
    s.strides[d] = size;
    size *= s.extents[d] + number(0, 1);
    if (number(0, 5) > 0) continue;
    start += (s.extents[d] - 1) * s.strides[d];
    s.strides[d] = -s.strides[d];
  }
  std::vector<T> x(static_cast<std::size_t>(size));
  for (T& v : x) v = static_cast<T>(static_cast<float>(number(-100, 100)));
  const auto count = static_cast<std::size_t>(s.numel());
  std::vector<U> expected(count), y(count + 1, U(1));
  for (index_t i = 0; i < s.numel(); ++i) {
    index_t rest = i, from = start;
    for (index_t d = s.rank; d-- > 0; rest /= s.extents[d]) from += rest % s.extents[d] * s.strides[d];
    expected[static_cast<std::size_t>(i)] = static_cast<U>(static_cast<float>(x[static_cast<std::size_t>(from)]));
  }
  kernels::gather_strided(cpu_device, s, x.data() + start, y.data());
  CHECK(std::equal(expected.begin(), expected.end(), y.begin()));
  CHECK(y.back() == U(1));

  std::vector<U> back(x.size(), U(1)), again(count);
  kernels::scatter_strided(cpu_device, s, y.data(), back.data() + start);
  kernels::gather_strided(cpu_device, s, back.data() + start, again.data());
  CHECK(again == expected);
}

}  // namespace

TEST_CASE(
    "gather_strided and scatter_strided: random views of every type equal a plain walk, on any number of threads") {
  std::mt19937 random(1);
  for (const int threads : {1, 3}) {
    kernels::set_thread_count(threads);
    for (int i = 0; i < 200; ++i) {
      compare_with_plain_walk<float, float>(random);
      compare_with_plain_walk<float, double>(random);
      compare_with_plain_walk<double, float>(random);
      compare_with_plain_walk<bf16, bf16>(random);
      compare_with_plain_walk<std::int8_t, std::int8_t>(random);
      compare_with_plain_walk<std::int64_t, float>(random);
    }
  }
  kernels::set_thread_count(2);
}

TEST_CASE("gather_strided: walks a transposed view, and one with a negative stride, in row-major order") {
  const auto x = count_up(6);  // [2, 3]
  std::vector<double> y(6);
  const kernels::StridedShape transposed{.rank = 2, .extents = {3, 2}, .strides = {1, 3}};
  kernels::gather_strided(cpu_device, transposed, x.data(), y.data());
  CHECK(y == std::vector<double>{0, 3, 1, 4, 2, 5});
  const kernels::StridedShape backwards{.rank = 1, .extents = {3}, .strides = {-2}};
  kernels::gather_strided(cpu_device, backwards, x.data() + 5, y.data());
  CHECK(y == std::vector<double>{5, 3, 1, 4, 2, 5});
}

TEST_CASE("gather_strided: a stride of 0 repeats, an extent of 0 writes nothing, rank 0 is one element") {
  const auto x = count_up(3);
  std::vector<float> y(6, -1);
  kernels::gather_strided(cpu_device, {.rank = 2, .extents = {2, 3}, .strides = {0, 1}}, x.data(), y.data());
  CHECK(y == std::vector<float>{0, 1, 2, 0, 1, 2});
  kernels::gather_strided(cpu_device, {.rank = 2, .extents = {2, 0}, .strides = {0, 1}}, x.data(), y.data());
  CHECK(y == std::vector<float>{0, 1, 2, 0, 1, 2});
  kernels::gather_strided(cpu_device, {}, x.data() + 2, y.data());
  CHECK(y[0] == 2);
}

TEST_CASE("scatter_strided: is the way back of gather_strided over many rows") {
  const index_t rows = 123, columns = 457;
  const auto x = count_up(static_cast<std::size_t>(rows * columns));
  std::vector<float> transposed(x.size()), back(x.size());
  const kernels::StridedShape s{.rank = 2, .extents = {columns, rows}, .strides = {1, columns}};
  kernels::gather_strided(cpu_device, s, x.data(), transposed.data());
  CHECK(transposed[1] == static_cast<float>(columns));
  kernels::scatter_strided(cpu_device, s, transposed.data(), back.data());
  CHECK(back == x);
}

TEST_CASE("sum_into: elements that coincide are added up, in any split of the walk") {
  const auto x = count_up(6);
  std::vector<float> y{100, 200, 300};
  kernels::sum_into(cpu_device, {.rank = 2, .extents = {2, 3}, .strides = {0, 1}}, x.data(), y.data());
  CHECK(y == std::vector<float>{103, 205, 307});
  const auto wide = count_up(40000);
  float total = 0;
  kernels::sum_into(cpu_device, {.rank = 1, .extents = {40000}, .strides = {0}}, wide.data(), &total);
  CHECK(total == doctest::Approx(40000.0 * 39999 / 2).epsilon(1e-6));
}

TEST_CASE("add: y may be one of its operands") {
  auto x = count_up(5000);
  kernels::add(cpu_device, 5000, x.data(), x.data(), x.data());
  CHECK(x[4999] == 2 * 4999);
  CHECK(x[1] == 2);
}

// add and sum_into on the GPU against plain loops in double.

#include <limn_kernels/accumulate.hpp>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

TEST_CASE_TEMPLATE("add: of any length, also in place", T, float, double) {
  if (!have_device()) return;
  for (const index_t n : {0, 1, 31, 33, 257, 1000}) {
    const auto a = values(n, 3), b = values(n, 5);
    std::vector<double> sum(a), twice(a);
    for (std::size_t i = 0; i < a.size(); ++i) sum[i] += b[i], twice[i] += a[i];
    const Buffer<T> at_a(a), at_b(b);
    expect<T>(sum, tolerance<T>, [&](T* y) { kernels::add(under_test, n, at_a.data(), at_b.data(), y); });
    expect<T>(
        sum, tolerance<T>, [&](T* y) { kernels::add(under_test, n, y, at_b.data(), y); }, a);
    expect<T>(
        twice, tolerance<T>, [&](T* y) { kernels::add<T>(under_test, n, y, y, y); }, a);
  }
}

TEST_CASE_TEMPLATE("sum_into: sums over leading, trailing and middle dimensions are added to what y holds", T, float,
                   double) {
  if (!have_device()) return;
  struct Case {
    kernels::StridedShape s;
    index_t extent;     // of y
    index_t start = 0;  // of the walk in y
  };
  for (const Case& c : {
           Case{{.rank = 2, .extents = {33, 257}, .strides = {0, 1}}, 257},              // a row bias
           Case{{.rank = 2, .extents = {1000, 31}, .strides = {0, 1}}, 31},              // the same, in parts
           Case{{.rank = 3, .extents = {3, 33, 257}, .strides = {0, 1, 0}}, 33},         // a channel bias
           Case{{.rank = 4, .extents = {4, 3, 50, 100}, .strides = {0, 1, 0, 0}}, 3},    // the same, in parts
           Case{{.rank = 2, .extents = {33, 257}, .strides = {1, 0}}, 33},               // along rows
           Case{{.rank = 2, .extents = {31, 5}, .strides = {1, 0}}, 31},                 // along short rows
           Case{{.rank = 2, .extents = {40, 1000}, .strides = {0, 0}}, 1},               // everything
           Case{{.rank = 1, .extents = {1000}, .strides = {1}}, 1000},                   // nothing: an addition
           Case{{.rank = 1, .extents = {257}, .strides = {-1}}, 257, 256},               // backwards
           Case{{.rank = 4, .extents = {5, 3, 7, 2}, .strides = {0, 2, 0, 1}}, 6},       // every other dimension
           Case{{.rank = 4, .extents = {5, 3, 7, 2}, .strides = {8, 0, -1, 0}}, 39, 6},  // with gaps, backwards
           Case{{.rank = 3, .extents = {6, 1, 33}, .strides = {0, 0, 2}}, 65},
           Case{{.rank = 2, .extents = {3, 0}, .strides = {1, 0}}, 3},
           Case{{}, 1},
       }) {
    const index_t n = c.s.numel();
    const auto x = values(n, 7), before = values(c.extent, 11);
    std::vector<double> expected = before;
    for (index_t i = 0; i < n; ++i) {
      index_t rest = i, at = c.start;
      for (index_t d = c.s.rank - 1; d >= 0; --d) {
        at += rest % c.s.extents[d] * c.s.strides[d];
        rest /= c.s.extents[d];
      }
      expected[static_cast<std::size_t>(at)] += x[static_cast<std::size_t>(i)];
    }
    const Buffer<T> at_x(x);
    expect<T>(
        expected, 10 * tolerance<T>, [&](T* y) { kernels::sum_into(under_test, c.s, at_x.data(), y + c.start); },
        before);
  }
}

}  // namespace
}  // namespace limn::test

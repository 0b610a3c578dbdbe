// Rows and elements picked and added by index on the GPU, against plain loops in double.

#include <limn_kernels/gather.hpp>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

using kernels::GatherShape;

/// `count` indices below `rows` with repeats; with `some_left_out`, each fifth is -1.
std::vector<double> indices_of(index_t count, index_t rows, bool some_left_out) {
  std::vector<double> result = values(count, 61);
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = some_left_out && i % 5 == 3 ? -1 : std::floor((result[i] + 2) / 4 * static_cast<double>(rows));
  return result;
}

const std::vector<GatherShape> shapes{{1, 50, 33, 257}, {1, 8, 256, 20}, {3, 7, 1, 31},  {1, 40, 1, 1000},
                                      {2, 5, 4, 9},     {1, 1, 300, 40}, {1, 9, 2, 0},   {2, 4, 0, 3},
                                      {0, 4, 2, 3},     {1, 2000, 3, 5}, {257, 3, 1, 2}, {1, 1, 1, 1}};

TEST_CASE_TEMPLATE("gather_rows: repeats, -1, rows shorter and longer than a block", T, float, double, index_t) {
  if (!have_device()) return;
  for (const GatherShape& s : shapes)
    for (const bool some_left_out : {false, true}) {
      auto x = values(s.outer * s.rows * s.inner, 63);
      for (double& v : x) v = std::round(1000 * v);
      const auto indices = indices_of(s.count, s.rows, some_left_out);
      std::vector<double> y(static_cast<std::size_t>(s.outer * s.count * s.inner));
      for (index_t r = 0; r < s.outer * s.count; ++r)
        for (index_t e = 0; e < s.inner; ++e) {
          const auto index = static_cast<index_t>(indices[static_cast<std::size_t>(r % s.count)]);
          const auto from = static_cast<std::size_t>((r / s.count * s.rows + index) * s.inner + e);
          y[static_cast<std::size_t>(r * s.inner + e)] = index < 0 ? 0 : x[from];
        }
      const Buffer<T> at_x(x);
      const Buffer<index_t> at_indices(indices);
      expect<T>(y, 0, [&](T* out) { cuda::gather_rows<T>(s, at_x.data(), at_indices.data(), out); });
    }
}

TEST_CASE_TEMPLATE("scatter_add_rows: adds to y, in order of i to the last bit; -1 adds nothing", T, float, double) {
  if (!have_device()) return;
  for (const GatherShape& s : shapes)
    for (const bool some_left_out : {false, true}) {
      auto x = values(s.outer * s.count * s.inner, 65);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(static_cast<T>(x[i] / 3));
      const auto before = values(s.outer * s.rows * s.inner, 67), indices = indices_of(s.count, s.rows, some_left_out);
      std::vector<double> y = before;
      for (index_t r = 0; r < s.outer * s.count; ++r)
        for (index_t e = 0; e < s.inner; ++e) {
          const auto index = static_cast<index_t>(indices[static_cast<std::size_t>(r % s.count)]);
          if (index < 0) continue;
          double& to = y[static_cast<std::size_t>((r / s.count * s.rows + index) * s.inner + e)];
          to = static_cast<double>(static_cast<T>(to) + static_cast<T>(x[static_cast<std::size_t>(r * s.inner + e)]));
        }
      const Buffer<T> at_x(x);
      const Buffer<index_t> at_indices(indices);
      expect<T>(
          y, 0, [&](T* out) { cuda::scatter_add_rows<T>(s, at_x.data(), at_indices.data(), out); }, before);
    }
}

TEST_CASE_TEMPLATE("gather_elements and scatter_add_elements: an index for each element", T, float, double) {
  if (!have_device()) return;
  for (const GatherShape& s : shapes) {
    const index_t count = s.outer * s.count * s.inner;
    const auto x = values(s.outer * s.rows * s.inner, 69), dy = values(count, 71),
               indices = indices_of(count, s.rows, false);
    std::vector<double> y(dy.size()), dx = x;
    for (index_t at = 0; at < count; ++at) {
      const auto i = static_cast<std::size_t>(at);
      const index_t row = at / (s.count * s.inner) * s.rows + static_cast<index_t>(indices[i]);
      const auto from = static_cast<std::size_t>(row * s.inner + at % s.inner);
      y[i] = x[from];
      dx[from] = static_cast<double>(static_cast<T>(dx[from]) + static_cast<T>(dy[i]));
    }
    const Buffer<T> at_x(x), at_dy(dy);
    const Buffer<index_t> at_indices(indices);
    expect<T>(y, 0, [&](T* out) { cuda::gather_elements<T>(s, at_x.data(), at_indices.data(), out); });
    expect<T>(
        dx, 0, [&](T* out) { cuda::scatter_add_elements<T>(s, at_dy.data(), at_indices.data(), out); }, x);
  }
}

}  // namespace
}  // namespace limn::test

// Matrix products on the GPU against plain loops in double.

#include <limn_kernels/gemm.hpp>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

TEST_CASE_TEMPLATE("gemm: any transposition, gaps between rows, sizes off the tile; beta 0 ignores what C held", T,
                   float, double) {
  if (!have_device()) return;
  struct Size {
    index_t m, n, k;
  };
  for (const Size size : {Size{1, 1, 1}, Size{65, 3, 17}, Size{64, 64, 16}, Size{5, 130, 33}, Size{3, 4, 0}})
    for (const bool transpose_a : {false, true})
      for (const bool transpose_b : {false, true})
        for (const double beta : {0.0, -0.5}) {
          const auto [m, n, k] = size;
          kernels::GemmShape s{.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b};
          s.lda = (transpose_a ? m : k) + 3;
          s.ldc = n + 1;
          const index_t ldb = transpose_b ? k : n;  // left 0 in s: no gap
          const auto a = values(s.lda * (transpose_a ? k : m), 23);
          const auto b = values(ldb * (transpose_b ? n : k), 29);
          std::vector<double> expected(static_cast<std::size_t>(m * s.ldc), -77.0);
          for (index_t i = 0; i < m; ++i)
            for (index_t j = 0; j < n; ++j) {
              double sum = 0;
              for (index_t p = 0; p < k; ++p)
                sum += a[static_cast<std::size_t>(transpose_a ? p * s.lda + i : i * s.lda + p)] *
                       b[static_cast<std::size_t>(transpose_b ? j * ldb + p : p * ldb + j)];
              double& c = expected[static_cast<std::size_t>(i * s.ldc + j)];
              c = 1.5 * sum + beta * c;
            }
          const Buffer<T> at_a(a), at_b(b);
          expect<T>(expected, 10 * tolerance<T>, [&](T* c) {
            cuda::gemm<T>(s, static_cast<T>(1.5), at_a.data(), at_b.data(), static_cast<T>(beta), c);
          });
        }
}

}  // namespace
}  // namespace limn::test

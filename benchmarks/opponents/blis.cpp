// BLIS: sgemm through its own interface (its BLAS symbols are also OpenBLAS').

#include "opponent.hpp"

// blis.h redefines too much to be included beside C++ headers without warnings: the two functions, by their ABI.
extern "C" {
void bli_sgemm(unsigned transpose_a, unsigned transpose_b, long m, long n, long k, const float* alpha, const float* a,
               long row_a, long column_a, const float* b, long row_b, long column_b, const float* beta, float* c,
               long row_c, long column_c);
void bli_thread_set_num_threads(long count);
}

namespace bench {
namespace {

class Blis final : public Opponent {
 public:
  [[nodiscard]] std::string name() const override { return "blis"; }
  void use_threads(int count) override { bli_thread_set_num_threads(count); }
  Variants gemm(const GemmCase& s, const float* a, const float* b, float* c) override {
    return {{"", [=] {
               const float one = 1, zero = 0;  // strides say what is transposed
               bli_sgemm(0, 0, s.m, s.n, s.k, &one, a, s.transpose_a ? 1 : s.k, s.transpose_a ? s.m : 1, b,
                         s.transpose_b ? 1 : s.n, s.transpose_b ? s.k : 1, &zero, c, s.n, 1);
             }}};
  }
};

}  // namespace

std::unique_ptr<Opponent> blis() { return std::make_unique<Blis>(); }

}  // namespace bench

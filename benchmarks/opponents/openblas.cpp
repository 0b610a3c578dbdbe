// OpenBLAS: sgemm. It chooses its kernels by OPENBLAS_CORETYPE in the environment, which the report sets.

#include <cblas.h>

#include "opponent.hpp"

namespace bench {
namespace {

class OpenBlas final : public Opponent {
 public:
  [[nodiscard]] std::string name() const override { return "openblas"; }
  void use_threads(int count) override { openblas_set_num_threads(count); }
  Variants gemm(const GemmCase& s, const float* a, const float* b, float* c) override {
    const auto m = static_cast<int>(s.m), n = static_cast<int>(s.n), k = static_cast<int>(s.k);
    const auto turned = [](bool t) { return t ? CblasTrans : CblasNoTrans; };
    return {{"", [=] {
               cblas_sgemm(CblasRowMajor, turned(s.transpose_a), turned(s.transpose_b), m, n, k, 1.0F, a,
                           s.transpose_a ? m : k, b, s.transpose_b ? k : n, 0.0F, c, n);
             }}};
  }
};

}  // namespace

std::unique_ptr<Opponent> openblas() { return std::make_unique<OpenBlas>(); }

}  // namespace bench

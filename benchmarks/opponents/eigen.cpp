// Eigen: its matrix product, compiled for this processor (-march=native, which a user of it would have to say).

#include <Eigen/Core>

#include "opponent.hpp"

namespace bench {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using View = Eigen::Map<Matrix>;
using ConstView = Eigen::Map<const Matrix>;

class EigenProduct final : public Opponent {
 public:
  [[nodiscard]] std::string name() const override { return "eigen"; }
  void use_threads(int count) override { Eigen::setNbThreads(count); }
  Variants gemm(const GemmCase& s, const float* a, const float* b, float* c) override {
    if (s.transpose_a) return {};
    return {{"", [=] {
               const ConstView x(a, s.m, s.k);
               View y(c, s.m, s.n);
               if (s.transpose_b)
                 y.noalias() = x * ConstView(b, s.n, s.k).transpose();
               else
                 y.noalias() = x * ConstView(b, s.k, s.n);
             }}};
  }
};

}  // namespace

std::unique_ptr<Opponent> eigen() { return std::make_unique<EigenProduct>(); }

}  // namespace bench

// The list of opponents: those that CMake found.

#include "opponent.hpp"

namespace bench {

std::unique_ptr<Opponent> one_dnn();
std::unique_ptr<Opponent> openblas();
std::unique_ptr<Opponent> blis();
std::unique_ptr<Opponent> eigen();

const std::vector<std::unique_ptr<Opponent>>& opponents() {
  static const auto all = [] {
    std::vector<std::unique_ptr<Opponent>> found;
#ifdef BENCH_ONEDNN
    found.push_back(one_dnn());
#endif
#ifdef BENCH_OPENBLAS
    found.push_back(openblas());
#endif
#ifdef BENCH_BLIS
    found.push_back(blis());
#endif
#ifdef BENCH_EIGEN
    found.push_back(eigen());
#endif
    return found;
  }();
  return all;
}

}  // namespace bench

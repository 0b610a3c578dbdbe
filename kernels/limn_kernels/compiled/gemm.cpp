// Matrix products of limn::kernels.
#include <limn_kernels/gemm.hpp>
#include <limn_kernels/half.hpp>

namespace limn::inline LIMN_ABI::kernels {

template class PackedMatrix<float>;
template class PackedMatrix<double>;

#define LIMN_COMPILED(T) template void cpu::gemm(GemmShape, T, const T*, const T*, T, T*)
LIMN_COMPILED(float);
LIMN_COMPILED(double);
LIMN_COMPILED(bf16);
LIMN_COMPILED(f16);
LIMN_COMPILED(std::int32_t);
LIMN_COMPILED(std::int64_t);
#undef LIMN_COMPILED

}  // namespace limn::inline LIMN_ABI::kernels

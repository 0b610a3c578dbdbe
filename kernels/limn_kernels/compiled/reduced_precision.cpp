// Products in bf16 and in bytes of limn::kernels.
#include <limn_kernels/reduced_precision.hpp>

namespace limn::inline LIMN_ABI::kernels {

template class ReducedMatrix<bf16>;
template class ReducedMatrix<std::int8_t>;
template void cpu::linear_reduced(index_t, const float*, const PackedMatrix<bf16>&, const Epilogue<float>&, float*);
template void cpu::linear_reduced(index_t, const float*, const PackedMatrix<std::int8_t>&, const Epilogue<float>&,
                                  float*);
template void cpu::gemm_bf16(GemmShape, const float*, const float*, const Epilogue<float>&, float*);

}  // namespace limn::inline LIMN_ABI::kernels

// limn::cuda's one source, compiled for the GPU that the headers of this folder make of the host.

#include <limn_kernels/cuda/limn_cuda.cu>

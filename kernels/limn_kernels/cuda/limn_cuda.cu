// The one CUDA translation unit of limn (target limn::cuda): device memory, and every kernel that has a GPU body.

#include <limn_kernels/cuda/accumulate.cuh>
#include <limn_kernels/cuda/conv2d.cuh>
#include <limn_kernels/cuda/copy.cuh>
#include <limn_kernels/cuda/cross_entropy.cuh>
#include <limn_kernels/cuda/gather.cuh>
#include <limn_kernels/cuda/gemm.cuh>
#include <limn_kernels/cuda/lstm.cuh>
#include <limn_kernels/cuda/lstm_backward.cuh>
#include <limn_kernels/cuda/memory.cuh>
#include <limn_kernels/cuda/norm.cuh>
#include <limn_kernels/cuda/optim.cuh>
#include <limn_kernels/cuda/pointwise.cuh>
#include <limn_kernels/cuda/pool2d.cuh>
#include <limn_kernels/cuda/reduce.cuh>
#include <limn_kernels/cuda/softmax.cuh>

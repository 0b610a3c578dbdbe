# limn_cuda: kernels/limn_kernels/cuda/limn_cuda.cu compiled by nvcc (floor: sm_75).
include(CheckLanguage)
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 75 80 90 100 120)
endif()
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "limn: LIMN_CUDA=ON, but no CUDA compiler was found; set CUDACXX to nvcc's path, or build without LIMN_CUDA")
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
add_library(limn_cuda STATIC ${PROJECT_SOURCE_DIR}/kernels/limn_kernels/cuda/limn_cuda.cu)
set_target_properties(limn_cuda PROPERTIES POSITION_INDEPENDENT_CODE ON CUDA_RUNTIME_LIBRARY Static)
target_compile_definitions(limn_cuda PUBLIC LIMN_WITH_CUDA PRIVATE LIMN_COMPILED_KERNELS)  # no CPU bodies for nvcc
# CMake 3.25 does not know how to ask nvcc 13 for C++20. 68, 1675: masks and loop pragmas that are for the host compiler.
target_compile_options(limn_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20 --expt-relaxed-constexpr -diag-suppress=68,1675>)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 13)  # one file on all cores
  target_compile_options(limn_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--split-compile=0>)
endif()
if(LIMN_OPENMP)
  target_compile_options(limn_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-fopenmp>)
endif()
target_link_libraries(limn_cuda PUBLIC $<BUILD_INTERFACE:CUDA::cudart_static>)

#pragma once
// Vector types and their basic operations, once per instruction set: namespace
// limn::kernels::cpu::{generic,avx2,avx512}.

#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include <limn_kernels/half.hpp>
#include <limn_kernels/isa.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/simd.inl>
#include <limn_kernels/for_each_isa.hpp>

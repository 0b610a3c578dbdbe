#pragma once
// Elementary functions on vectors of float and double, compiled per instruction set; see math.inl.

#include <limn_kernels/cpu/math_tables.hpp>
#include <limn_kernels/math.hpp>
#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/math.inl>
#include <limn_kernels/for_each_isa.hpp>

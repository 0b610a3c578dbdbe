#pragma once
// The register tile that the recurrent kernels and attention share: a few rows times a panel of up to four vectors of
// columns, and the packing of panels. See panel.inl.

#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/panel.inl>
#include <limn_kernels/for_each_isa.hpp>

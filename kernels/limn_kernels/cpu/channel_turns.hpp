#pragma once
// Channels brought into the lanes, and back, for each instruction set.

#include <limn_kernels/config.hpp>
#include <limn_kernels/simd.hpp>

#define LIMN_ISA_BODY <limn_kernels/cpu/channel_turns.inl>
#include <limn_kernels/for_each_isa.hpp>

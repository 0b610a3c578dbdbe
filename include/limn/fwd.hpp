#pragma once
// Names only.

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI {

class Shape;
class Storage;
struct Device;
struct bf16;
struct f16;
template <class T = float>
class Tensor;
class NodeBase;
template <class T>
class Node;
class Generator;

}  // namespace limn::inline LIMN_ABI

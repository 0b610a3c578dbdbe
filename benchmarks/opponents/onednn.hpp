#pragma once
// oneDNN 2.x: what onednn_*.cpp share.

#include <dnnl.hpp>

#include "opponent.hpp"

namespace bench::onednn {

using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;
using Arguments = std::unordered_map<int, dnnl::memory>;

[[nodiscard]] inline const dnnl::engine& engine() {
  static const dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}
[[nodiscard]] inline dnnl::stream& stream() {
  static dnnl::stream s(engine());
  return s;
}
[[nodiscard]] inline dnnl::memory::desc plain(const Dims& dims, Tag tag) {
  return {dims, dnnl::memory::data_type::f32, tag};
}
/// float in whatever layout the primitive likes best.
[[nodiscard]] inline dnnl::memory::desc any(const Dims& dims) { return plain(dims, Tag::any); }
/// oneDNN takes all memory as writable; inputs are only read.
[[nodiscard]] inline dnnl::memory view(const dnnl::memory::desc& desc, const float* data) {
  return {desc, engine(), const_cast<float*>(data)};
}
inline void reorder(const dnnl::memory& from, dnnl::memory& to) {
  dnnl::reorder(from, to).execute(stream(), const_cast<dnnl::memory&>(from), to);
  stream().wait();
}
/// `from` in the layout `desc`, copied once.
[[nodiscard]] inline dnnl::memory brought_to(const dnnl::memory::desc& desc, const dnnl::memory& from) {
  dnnl::memory to(desc, engine());
  reorder(from, to);
  return to;
}

Variants gemm(const GemmCase&, const float* a, const float* b, float* c);
Variants gemm_prepacked(const GemmCase&, const float* a, const float* b, float* c);
Variants gemm_bf16(const GemmCase&, const float* a, const float* b, float* c);
Variants gemm_int8(const GemmCase&, const float* a, const float* b, float* c);
Variants conv2d(const ConvCase&, Pass, const ConvOperands&);
Variants lstm(const LstmCase&, LstmPass, const LstmOperands&);
Variants vgg16(long batch);

}  // namespace bench::onednn

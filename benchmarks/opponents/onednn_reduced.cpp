// oneDNN's matrix products of bf16 and int8, weights in its own layout.

#include "onednn.hpp"

#include <algorithm>
#include <cmath>

namespace bench::onednn {

namespace {

using Type = dnnl::memory::data_type;

dnnl::memory::desc desc(const Dims& dims, Type type, Tag tag) { return {dims, type, tag}; }

Variant product(const std::string& name, const dnnl::matmul& primitive, const Arguments& arguments) {
  return {name, [=] {
            primitive.execute(stream(), arguments);
            stream().wait();
          }};
}

}  // namespace

// "matmul" rounds a in every call, as limn does; "matmul_bf16_in" is given it rounded.
Variants gemm_bf16(const GemmCase& s, const float* a, const float* b, float* c) try {
  if (s.transpose_a) return {};
  const auto pd = dnnl::matmul::primitive_desc(
      dnnl::matmul::desc(desc({s.m, s.k}, Type::bf16, Tag::ab), desc({s.k, s.n}, Type::bf16, Tag::any),
                         plain({s.m, s.n}, Tag::ab)),
      engine());
  const auto weights = brought_to(pd.weights_desc(), view(plain({s.k, s.n}, s.transpose_b ? Tag::ba : Tag::ab), b));
  const dnnl::matmul primitive(pd);
  const auto given = view(plain({s.m, s.k}, Tag::ab), a);
  auto rounded = brought_to(pd.src_desc(), given);
  const dnnl::reorder round(given, rounded);
  const Arguments arguments{
      {DNNL_ARG_SRC, rounded}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, view(pd.dst_desc(), c)}};
  return {{"matmul",
           [=]() mutable {
             round.execute(stream(), const_cast<dnnl::memory&>(given), rounded);
             primitive.execute(stream(), arguments);
             stream().wait();
           }},
          product("matmul_bf16_in", primitive, arguments)};
} catch (const dnnl::error&) {
  return {};  // none for this processor
}

// One scale for all of a and one for each column of b. "matmul" rounds a in every call, with the scale given (limn
// finds one for each row); "matmul_int8_in" is given it rounded.
Variants gemm_int8(const GemmCase& s, const float* a, const float* b, float* c) try {
  if (s.transpose_a || !s.transpose_b) return {};
  const auto largest = [](const float* x, long count) {
    float most = 0;
    for (long i = 0; i < count; ++i) most = std::max(most, std::abs(x[i]));
    return most;
  };
  const float a_scale = largest(a, s.m * s.k) / 127;
  std::vector<float> scales;
  const auto bytes_of = [](const float* x, long count, float scale, std::int8_t* to) {
    for (long i = 0; i < count; ++i) to[i] = static_cast<std::int8_t>(std::nearbyint(x[i] / scale));
  };
  dnnl::memory a_bytes(desc({s.m, s.k}, Type::s8, Tag::ab), engine()),
      b_bytes(desc({s.k, s.n}, Type::s8, Tag::ba), engine());
  bytes_of(a, s.m * s.k, a_scale, static_cast<std::int8_t*>(a_bytes.get_data_handle()));
  for (long j = 0; j < s.n; ++j) {
    const float scale = largest(b + j * s.k, s.k) / 127;
    bytes_of(b + j * s.k, s.k, scale, static_cast<std::int8_t*>(b_bytes.get_data_handle()) + j * s.k);
    scales.push_back(scale * a_scale);
  }
  dnnl::primitive_attr attributes;
  attributes.set_output_scales(2, scales);
  const auto pd = dnnl::matmul::primitive_desc(
      dnnl::matmul::desc(a_bytes.get_desc(), desc({s.k, s.n}, Type::s8, Tag::any), plain({s.m, s.n}, Tag::ab)),
      attributes, engine());
  const auto weights = brought_to(pd.weights_desc(), b_bytes);
  const dnnl::matmul primitive(pd);
  const Arguments arguments{
      {DNNL_ARG_SRC, a_bytes}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, view(pd.dst_desc(), c)}};
  dnnl::primitive_attr to_bytes;
  to_bytes.set_output_scales(0, {1 / a_scale});
  const auto given = view(plain({s.m, s.k}, Tag::ab), a);
  const dnnl::reorder round(dnnl::reorder::primitive_desc(given, a_bytes, to_bytes));
  return {{"matmul",
           [=]() mutable {
             round.execute(stream(), const_cast<dnnl::memory&>(given), a_bytes);
             primitive.execute(stream(), arguments);
             stream().wait();
           }},
          product("matmul_int8_in", primitive, arguments)};
} catch (const dnnl::error&) {
  return {};
}

}  // namespace bench::onednn

// oneDNN as an opponent, and its matrix products.

#include "onednn.hpp"

#include <omp.h>

namespace bench {

namespace onednn {

Variants gemm(const GemmCase& s, const float* a, const float* b, float* c) {
  return {{"", [=] {
             dnnl_sgemm(s.transpose_a ? 'T' : 'N', s.transpose_b ? 'T' : 'N', s.m, s.n, s.k, 1.0F, a,
                        s.transpose_a ? s.m : s.k, b, s.transpose_b ? s.k : s.n, 0.0F, c, s.n);
           }}};
}

Variants gemm_prepacked(const GemmCase& s, const float* a, const float* b, float* c) {
  if (s.transpose_a) return {};
  Variants variants;
  {
    const auto pd = dnnl::matmul::primitive_desc(
        dnnl::matmul::desc(plain({s.m, s.k}, Tag::ab), any({s.k, s.n}), plain({s.m, s.n}, Tag::ab)), engine());
    const auto weights = brought_to(pd.weights_desc(), view(plain({s.k, s.n}, s.transpose_b ? Tag::ba : Tag::ab), b));
    const dnnl::matmul primitive(pd);
    const Arguments arguments{
        {DNNL_ARG_SRC, view(pd.src_desc(), a)}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, view(pd.dst_desc(), c)}};
    variants.push_back({"matmul", [=] {
                          primitive.execute(stream(), arguments);
                          stream().wait();
                        }});
  }
  {
    const auto pd = dnnl::inner_product_forward::primitive_desc(
        dnnl::inner_product_forward::desc(dnnl::prop_kind::forward_inference, plain({s.m, s.k}, Tag::ab),
                                          any({s.n, s.k}), plain({s.m, s.n}, Tag::ab)),
        engine());
    const auto weights = brought_to(pd.weights_desc(), view(plain({s.n, s.k}, s.transpose_b ? Tag::ab : Tag::ba), b));
    const dnnl::inner_product_forward primitive(pd);
    const Arguments arguments{
        {DNNL_ARG_SRC, view(pd.src_desc(), a)}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, view(pd.dst_desc(), c)}};
    variants.push_back({"inner", [=] {
                          primitive.execute(stream(), arguments);
                          stream().wait();
                        }});
  }
  return variants;
}

}  // namespace onednn

namespace {

class OneDnn final : public Opponent {
 public:
  [[nodiscard]] std::string name() const override { return "onednn"; }
  void use_threads(int count) override { omp_set_num_threads(count); }
  Variants gemm(const GemmCase& s, const float* a, const float* b, float* c) override {
    return onednn::gemm(s, a, b, c);
  }
  Variants gemm_prepacked(const GemmCase& s, const float* a, const float* b, float* c) override {
    return onednn::gemm_prepacked(s, a, b, c);
  }
  Variants gemm_bf16(const GemmCase& s, const float* a, const float* b, float* c) override {
    return onednn::gemm_bf16(s, a, b, c);
  }
  Variants gemm_int8(const GemmCase& s, const float* a, const float* b, float* c) override {
    return onednn::gemm_int8(s, a, b, c);
  }
  Variants conv2d(const ConvCase& s, Pass pass, const ConvOperands& o) override { return onednn::conv2d(s, pass, o); }
  Variants lstm(const LstmCase& s, LstmPass pass, const LstmOperands& o) override { return onednn::lstm(s, pass, o); }
  Variants vgg16(long batch) override { return onednn::vgg16(batch); }
};

}  // namespace

std::unique_ptr<Opponent> one_dnn() { return std::make_unique<OneDnn>(); }

}  // namespace bench

#pragma once
// Embedding: a table of vectors, looked up by id.

#include <limn/nn/init.hpp>
#include <limn/nn/module.hpp>
#include <limn/ops/gather.hpp>

namespace limn::inline LIMN_ABI::nn {

template <class T = float>
struct Embedding {
  Tensor<T> weight;  ///< [rows, width]
  EmbeddingOptions options;

  Embedding() = default;
  /// Normal values of deviation `deviation`, as torch.nn.Embedding with 1; the padding row starts at zero.
  Embedding(index_t rows, index_t width, Generator& generator, EmbeddingOptions embedding_options = {},
            double deviation = 1)
      : weight(parameter(normal<T>({rows, width}, generator, 0, deviation))), options(embedding_options) {
    if (options.padding_index == Slice::none) return;
    const index_t row = options.padding_index < 0 ? options.padding_index + rows : options.padding_index;
    for (index_t i = 0; i < width; ++i) weight.at({row, i}) = T(0.f);
  }
  template <class V>
  void members(V&& visit) {
    visit("weight", weight);
  }
  /// ids [...] -> [..., width]
  [[nodiscard]] Tensor<T> operator()(const Tensor<std::int64_t>& ids) const { return embedding(ids, weight, options); }
};

}  // namespace limn::inline LIMN_ABI::nn

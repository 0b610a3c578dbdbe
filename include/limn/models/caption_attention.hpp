#pragma once
// The attention captioner: an LSTM that sees the whole image with every word, and whose state chooses where on the grid
// to look before it speaks. Soft attention as Xu et al. 2015 ("Show, attend and tell"); attention after the state, so
// that a whole caption is one walk of the LSTM, as Lu, Xiong, Parikh and Socher 2017 ("Knowing when to look", spatial
// attention).

#include <limn/models/caption_batch.hpp>
#include <limn/nn/embedding.hpp>
#include <limn/nn/linear.hpp>
#include <limn/nn/recurrent.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/dropout.hpp>
#include <limn/ops/reduce.hpp>
#include <limn/ops/softmax.hpp>

namespace limn::inline LIMN_ABI::models {

struct AttentionCaptionerConfig {
  index_t features = 1280;  ///< numbers at each place of the grid
  index_t embedding = 256;
  index_t units = 512;  ///< width of LSTM, attention and decoder layer
  index_t vocabulary = 3000;
  double dropout = 0.5;  ///< on grid, embedding and decoder layer
};

template <class T = float>
struct AttentionCaptioner {
  AttentionCaptionerConfig config;
  nn::Linear<T> grid_dense, image_dense, query, decoder_dense, output;
  nn::Embedding<T> embedding;
  nn::LSTM<T> lstm;
  Tensor<T> feature_mean, feature_scale;  ///< [features]: each place is read as (x - mean) * scale; undefined: as it is
  bool training = true;

  AttentionCaptioner(const AttentionCaptionerConfig& chosen, Generator& generator)
      : config(chosen),
        grid_dense(chosen.features, chosen.units, generator),
        image_dense(chosen.units, chosen.embedding, generator),
        query(chosen.units, chosen.units, generator, false),
        decoder_dense(2 * chosen.units, chosen.units, generator),
        output(chosen.units, chosen.vocabulary, generator),
        embedding(chosen.vocabulary, chosen.embedding, generator, {}, 0.1),
        lstm(2 * chosen.embedding, chosen.units, generator, {.batch_first = true}) {}

  template <class V>
  void members(V&& visit) {
    visit("grid_dense", grid_dense);
    visit("image_dense", image_dense);
    visit("query", query);
    visit("embedding", embedding);
    visit("lstm", lstm);
    visit("decoder_dense", decoder_dense);
    visit("output", output);
    visit("feature_mean", feature_mean);
    visit("feature_scale", feature_scale);
  }

  /// [N, P, features] -> keys (and values) [N, P, units]
  [[nodiscard]] Tensor<T> keys(const Tensor<T>& grid, Generator* generator = nullptr) const {
    const Tensor<T> read = feature_mean.defined() ? (grid - feature_mean) * feature_scale : grid;
    return relu(grid_dense(drop(read, generator)));
  }
  /// Keys [N, P, units] -> the whole image [N, embedding]
  [[nodiscard]] Tensor<T> image(const Tensor<T>& keys) const { return relu(image_dense(mean(keys, {1}))); }
  /// States [N, T, units] over keys [N, P, units] -> weights [N, T, P], which sum to 1 over P
  [[nodiscard]] Tensor<T> attend(const Tensor<T>& states, const Tensor<T>& keys) const {
    return softmax(matmul(query(states), transpose(keys)) * (1 / std::sqrt(static_cast<double>(config.units))));
  }
  /// States and what was looked at, both [rows, units] -> logits [rows, vocabulary]
  [[nodiscard]] Tensor<T> decode(const Tensor<T>& states, const Tensor<T>& seen, Generator* generator = nullptr) const {
    return output(drop(relu(decoder_dense(concat<T>({states, seen}, 1))), generator));
  }

  /// Logits [positions, vocabulary] of a batch.
  [[nodiscard]] Tensor<T> operator()(const ImageFeatures<T>& features, const CaptionBatch& batch,
                                     Generator* generator = nullptr) const {
    const index_t captions = batch.ids.size(0), steps = batch.ids.size(1);
    const Tensor<T> grid = keys(features.grid, generator);
    const Tensor<T> own_grid = index_select(grid, 0, batch.image), whole = index_select(image(grid), 0, batch.image);
    const Tensor<T> words = drop(embedding(batch.ids), generator);
    const Tensor<T> seen_with_each = expand(unsqueeze(whole, 1), {captions, steps, config.embedding});
    const Tensor<T> states = lstm(concat<T>({words, seen_with_each}, 2)).output;  // [B, T, units]
    const Tensor<T> seen = matmul(attend(states, own_grid), own_grid);
    const auto rows = [&](const Tensor<T>& x) {
      return index_select(reshape(x, {-1, config.units}), 0, batch.positions);
    };
    return decode(rows(states), rows(seen), generator);
  }

  [[nodiscard]] CaptionState<T> begin(const ImageFeatures<T>& features) const {
    const Tensor<T> grid = keys(features.grid), none = zeros<T>({1, grid.size(0), config.units}, grid.device());
    return {none, none, image(grid), grid, {}};
  }
  /// Reads one more word a row; returns logits [rows, vocabulary].
  [[nodiscard]] Tensor<T> next(CaptionState<T>& state, const Tensor<std::int64_t>& ids) const {
    const auto step = lstm(unsqueeze(concat<T>({embedding(ids), state.image}, 1), 1), state.h, state.c);
    state.h = step.h;
    state.c = step.c;
    const Tensor<T> weights = attend(step.output, state.keys);  // [rows, 1, P]
    state.attention = squeeze(weights, 1);
    return decode(select(step.h, 0, 0), squeeze(matmul(weights, state.keys), 1));
  }

 private:
  [[nodiscard]] Tensor<T> drop(const Tensor<T>& x, Generator* generator) const {
    return training && generator && config.dropout > 0 ? dropout(x, config.dropout, *generator) : x;
  }
};

}  // namespace limn::inline LIMN_ABI::models

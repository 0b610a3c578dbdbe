#pragma once
// The merge captioner (Tanti, Gatt, Camilleri 2018): an LSTM reads the words, a dense layer the image, a decoder both.

#include <string>

#include <limn/models/caption_batch.hpp>
#include <limn/nn/embedding.hpp>
#include <limn/nn/linear.hpp>
#include <limn/nn/recurrent.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/dropout.hpp>

namespace limn::inline LIMN_ABI::models {

struct MergeCaptionerConfig {
  index_t features = 4096;  ///< length of the pooled image vector
  index_t units = 256;      ///< width of image layer, embedding, LSTM and decoder layer
  index_t vocabulary = 8485;
  bool concat = false;   ///< merge by concatenation (image first) instead of addition
  double dropout = 0.4;  ///< on the image vector and on the embedding
};

template <class T = float>
struct MergeCaptioner {
  MergeCaptionerConfig config;
  nn::Linear<T> image_dense, decoder_dense, output;
  nn::Embedding<T> embedding;
  nn::LSTM<T> lstm;
  Tensor<T> feature_mean,
      feature_scale;  ///< [features]: the image vector is read as (x - mean) * scale; undefined: as it is
  bool training = true;

  MergeCaptioner(const MergeCaptionerConfig& chosen, Generator& generator)
      : config(chosen),
        image_dense(chosen.features, chosen.units, generator),
        decoder_dense(chosen.concat ? 2 * chosen.units : chosen.units, chosen.units, generator),
        output(chosen.units, chosen.vocabulary, generator),
        embedding(chosen.vocabulary, chosen.units, generator, {}, 0.1),
        lstm(chosen.units, chosen.units, generator, {.batch_first = true}) {}

  template <class V>
  void members(V&& visit) {
    visit("image_dense", image_dense);
    visit("embedding", embedding);
    visit("lstm", lstm);
    visit("decoder_dense", decoder_dense);
    visit("output", output);
    visit("feature_mean", feature_mean);
    visit("feature_scale", feature_scale);
  }

  /// [N, features] -> [N, units]. A generator makes dropout drop, in training.
  [[nodiscard]] Tensor<T> image(const Tensor<T>& features, Generator* generator = nullptr) const {
    const Tensor<T> read = feature_mean.defined() ? (features - feature_mean) * feature_scale : features;
    return relu(image_dense(drop(read, generator)));
  }
  /// Image part and LSTM output, both [rows, units] -> logits [rows, vocabulary].
  [[nodiscard]] Tensor<T> decode(const Tensor<T>& image, const Tensor<T>& words) const {
    return output(relu(decoder_dense(config.concat ? concat<T>({image, words}, 1) : image + words)));
  }

  /// Logits [positions, vocabulary] of a batch: every step of a caption is one prefix, all from one walk of the LSTM.
  [[nodiscard]] Tensor<T> operator()(const ImageFeatures<T>& features, const CaptionBatch& batch,
                                     Generator* generator = nullptr) const {
    const Tensor<T> words = lstm(drop(embedding(batch.ids), generator)).output;  // [B, T, units]
    const index_t steps = batch.ids.size(1);
    std::vector<index_t> owners;
    for (const index_t position : batch.positions)
      owners.push_back(batch.image[static_cast<std::size_t>(position / steps)]);
    return decode(index_select(image(features.pooled, generator), 0, owners),
                  index_select(reshape(words, {-1, config.units}), 0, batch.positions));
  }

  /// The form of the Keras model: the state after the whole prefix. ids [N, L], id 0 is skipped wherever it stands
  /// (mask_zero). The masks, if defined, multiply image vector and embedding: dropout with given numbers. Returns {last
  /// state, logits}.
  [[nodiscard]] std::pair<Tensor<T>, Tensor<T>> of_prefix(const Tensor<T>& features, const Tensor<std::int64_t>& ids,
                                                          const Tensor<T>& feature_mask = {},
                                                          const Tensor<T>& embedding_mask = {}) const {
    const Tensor<T> read = feature_mask.defined() ? features * feature_mask : features;
    const Tensor<T> embedded = embedding_mask.defined() ? embedding(ids) * embedding_mask : embedding(ids);
    const Tensor<bool> mask = not_equal(ids, scalar<std::int64_t>(0));
    const Tensor<T> words = select(lstm(embedded, {}, {}, {.mask = mask}).h, 0, 0);
    return {words, decode(relu(image_dense(read)), words)};
  }

  [[nodiscard]] CaptionState<T> begin(const ImageFeatures<T>& features) const {
    const Tensor<T> none = zeros<T>({1, features.pooled.size(0), config.units}, features.pooled.device());
    return {none, none, image(features.pooled), {}, {}};
  }
  /// Reads one more word a row; returns logits [rows, vocabulary].
  [[nodiscard]] Tensor<T> next(CaptionState<T>& state, const Tensor<std::int64_t>& ids) const {
    const auto step = lstm(unsqueeze(embedding(ids), 1), state.h, state.c);
    state.h = step.h;
    state.c = step.c;
    return decode(state.image, select(step.h, 0, 0));
  }

 private:
  [[nodiscard]] Tensor<T> drop(const Tensor<T>& x, Generator* generator) const {
    return training && generator && config.dropout > 0 ? dropout(x, config.dropout, *generator) : x;
  }
};

}  // namespace limn::inline LIMN_ABI::models

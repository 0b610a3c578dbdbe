#pragma once
// What caption models share: batches of captions for teacher forcing, and the state that generation carries from word
// to word.

#include <vector>

#include <limn/ops/gather.hpp>

namespace limn::inline LIMN_ABI::models {

/// Features of N images. A model reads what it needs.
template <class T = float>
struct ImageFeatures {
  Tensor<T> pooled;  ///< [N, F], for the merge model
  Tensor<T> grid;    ///< [N, P, D]: P places of the image with D numbers each, for the attention model
};

/// B captions for one step of training: what the model reads at each step, and what it should say next.
struct CaptionBatch {
  Tensor<std::int64_t> ids;        ///< [B, T]: start, w1, ..., wn, then padding
  std::vector<index_t> image;      ///< [B]: the row of the features that each caption belongs to
  std::vector<index_t> positions;  ///< b * T + t of every step that counts (not padding)
  Tensor<std::int64_t> targets;    ///< [positions]: w1, ..., wn, end

  /// From encoded captions (start, w1, ..., wn, end), cut to at most `longest` ids.
  [[nodiscard]] static CaptionBatch of(const std::vector<std::vector<index_t>>& captions,
                                       const std::vector<index_t>& image, index_t pad, index_t longest) {
    CaptionBatch batch;
    index_t steps = 1;
    for (const auto& caption : captions)
      steps = std::max(steps, std::min(longest, static_cast<index_t>(caption.size())) - 1);
    const index_t count = static_cast<index_t>(captions.size());
    batch.ids = full<std::int64_t>({count, steps}, pad);
    batch.image = image;
    std::vector<std::int64_t> targets;
    for (index_t b = 0; b < count; ++b) {
      const auto& caption = captions[static_cast<std::size_t>(b)];
      const index_t length = std::min(longest, static_cast<index_t>(caption.size()));
      for (index_t t = 0; t + 1 < length; ++t) {
        batch.ids.at({b, t}) = caption[static_cast<std::size_t>(t)];
        batch.positions.push_back(b * steps + t);
        targets.push_back(caption[static_cast<std::size_t>(t) + 1]);
      }
    }
    const Shape target_shape{static_cast<index_t>(targets.size())};
    batch.targets = from<std::int64_t>(targets, target_shape);
    return batch;
  }
};

/// What a decoder carries from word to word, one row a hypothesis.
template <class T = float>
struct CaptionState {
  Tensor<T> h, c;       ///< [1, rows, hidden]: of the LSTM
  Tensor<T> image;      ///< [rows, units]: what the decoder reads of the image
  Tensor<T> keys;       ///< [rows, P, units]: the attended grid; undefined for the merge model
  Tensor<T> attention;  ///< [rows, P]: where the last word looked; undefined for the merge model

  /// The hypotheses `rows`, in that order, repeats allowed.
  [[nodiscard]] CaptionState select(const std::vector<index_t>& rows) const {
    const auto pick = [&](const Tensor<T>& x, index_t axis) { return x.defined() ? index_select(x, axis, rows) : x; };
    return {pick(h, 1), pick(c, 1), pick(image, 0), pick(keys, 0), pick(attention, 0)};
  }
};

}  // namespace limn::inline LIMN_ABI::models

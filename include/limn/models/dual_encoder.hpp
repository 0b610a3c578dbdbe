#pragma once
// Two towers, one for images and one for texts, whose vectors meet in one space; the losses that bring what belongs
// together close, and gradient caching, so that a large batch fits in small memory.

#include <cmath>
#include <string>
#include <vector>

#include <limn/autograd/backward.hpp>
#include <limn/nn/embedding.hpp>
#include <limn/nn/linear.hpp>
#include <limn/nn/recurrent.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/cast.hpp>
#include <limn/ops/compare.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/ops/dropout.hpp>
#include <limn/ops/reduce.hpp>

namespace limn::inline LIMN_ABI::models {

/// Texts as the text tower reads them.
struct TextBatch {
  Tensor<std::int64_t> ids;      ///< [C, T], padded behind
  std::vector<index_t> lengths;  ///< [C]: words of each, at least 1

  [[nodiscard]] static TextBatch of(const std::vector<std::vector<index_t>>& texts, index_t pad, index_t longest) {
    TextBatch batch;
    index_t steps = 1;
    for (const auto& text : texts) steps = std::max(steps, std::min(longest, static_cast<index_t>(text.size())));
    batch.ids = full<std::int64_t>({static_cast<index_t>(texts.size()), steps}, pad);
    for (std::size_t c = 0; c < texts.size(); ++c) {
      if (texts[c].empty()) fail("TextBatch", "text ", c, " has no words");
      batch.lengths.push_back(std::min(steps, static_cast<index_t>(texts[c].size())));
      for (index_t t = 0; t < batch.lengths.back(); ++t)
        batch.ids.data()[static_cast<index_t>(c) * steps + t] = texts[c][static_cast<std::size_t>(t)];
    }
    return batch;
  }
};

struct DualEncoderConfig {
  index_t features = 2304;  ///< numbers of an image's pooled vector, or of a place of its grid
  index_t vocabulary = 3000;
  index_t embedding = 100;  ///< width of a word
  index_t units = 256;      ///< width of the LSTM
  index_t shared = 256;     ///< width of the space where both towers meet
  double dropout = 0.3;     ///< on image features, words and what the LSTM says
  bool grid = false;        ///< read the places of the grid rather than the pooled vector
};

/// x / |x| along the last axis.
template <class T>
[[nodiscard]] Tensor<T> normalised(const Tensor<T>& x) {
  return x * rsqrt(sum(square(x), {-1}, {.keepdim = true}) + 1e-12);
}

template <class T = float>
struct DualEncoder {
  DualEncoderConfig config;
  nn::Embedding<T> embedding;
  nn::LSTM<T> lstm;
  nn::Linear<T> image_dense, text_dense;
  nn::Linear<T> place_dense;  ///< with config.grid
  Tensor<T> log_scale;        ///< []: similarities are multiplied by exp of it, at most 100: the learned temperature
  Tensor<T> feature_mean, feature_scale;  ///< [features]: features are read as (x - mean) * scale; undefined: as is
  bool training = true;

  DualEncoder(const DualEncoderConfig& chosen, Generator& generator)
      : config(chosen),
        embedding(chosen.vocabulary, chosen.embedding, generator, {}, 0.4),
        lstm(chosen.embedding, chosen.units, generator, {.batch_first = true}),
        image_dense(chosen.features, chosen.shared, generator),
        text_dense(2 * chosen.units, chosen.shared, generator),
        log_scale(nn::parameter(scalar<T>(static_cast<T>(std::log(1 / 0.07))))) {
    if (config.grid) place_dense = nn::Linear<T>(config.features, config.shared, generator);
  }

  template <class V>
  void members(V&& visit) {
    visit("embedding", embedding);
    visit("lstm", lstm);
    visit("image_dense", image_dense);
    visit("text_dense", text_dense);
    if (config.grid) visit("place_dense", place_dense);
    visit("log_scale", log_scale);
    visit("feature_mean", feature_mean);
    visit("feature_scale", feature_scale);
  }

  /// Pooled features [N, features] -> unit vectors [N, shared]. With config.grid, places [N, P, features]: what holds
  /// of their mean, and the largest that holds of any (mean and maximum together: Chen, Hu, Wu, Jiang, Ma, Wang 2021,
  /// "Learning the best pooling strategy for visual semantic embedding").
  [[nodiscard]] Tensor<T> images(const Tensor<T>& features, Generator* generator = nullptr) const {
    if (features.rank() != (config.grid ? 3 : 2) || features.size(-1) != config.features)
      fail("DualEncoder", "features have shape ", features.shape(), " but the model reads ",
           config.grid ? "[N, P, " : "[N, ", config.features, "]");
    const Tensor<T> read = feature_mean.defined() ? (features - feature_mean) * feature_scale : features;
    if (!config.grid) return normalised(image_dense(drop(read, generator)));
    return normalised(image_dense(drop(mean(read, {1}), generator)) + max(place_dense(drop(read, generator)), {1}));
  }
  /// Texts -> unit vectors [C, shared], from the LSTM's last state and the largest value of each unit on the way.
  [[nodiscard]] Tensor<T> texts(const TextBatch& batch, Generator* generator = nullptr) const {
    const auto said = lstm(drop(embedding(batch.ids), generator), {}, {}, {.lengths = batch.lengths});
    // The output is 0 behind the end, and 0 never is the largest of a unit that has said less: shift it below.
    const index_t rows = batch.ids.size(0), steps = batch.ids.size(1);
    const Tensor<T> behind = zeros<T>({rows, steps, 1});
    for (index_t c = 0; c < rows; ++c)
      for (index_t t = batch.lengths[static_cast<std::size_t>(c)]; t < steps; ++t) behind.data()[c * steps + t] = T(-2);
    const Tensor<T> largest = max(said.output + to(behind, said.output.device()), {1});
    return normalised(text_dense(drop(concat<T>({select(said.h, 0, 0), largest}, 1), generator)));
  }
  /// What similarities are multiplied by.
  [[nodiscard]] Tensor<T> scale() const { return exp(clamp_max(log_scale, std::log(100.0))); }

 private:
  [[nodiscard]] Tensor<T> drop(const Tensor<T>& x, Generator* generator) const {
    return training && generator && config.dropout > 0 ? dropout(x, config.dropout, *generator) : x;
  }
};

/// Which text belongs to which image, and which texts are alike.
struct Pairs {
  std::vector<index_t> owner;  ///< [C]: the row of the image
  std::vector<index_t> text;   ///< [C]: equal numbers are equal texts; empty: all differ
};

namespace detail {

/// [C, C]: true where text d is no wrong answer to the pair of text c, though it is not c: another text of the same
/// image, or the same words.
[[nodiscard]] inline Tensor<bool> other_texts(const Pairs& pairs) {
  const auto count = static_cast<index_t>(pairs.owner.size());
  Tensor<bool> mask = full<bool>({count, count}, false);
  for (index_t c = 0; c < count; ++c)
    for (index_t d = 0; d < count; ++d) {
      const auto a = static_cast<std::size_t>(c), b = static_cast<std::size_t>(d);
      mask.data()[c * count + d] =
          c != d && (pairs.owner[a] == pairs.owner[b] || (!pairs.text.empty() && pairs.text[a] == pairs.text[b]));
    }
  return mask;
}
/// [C, N]: true where image i is no wrong answer to text c, though it is not its image: it has a text of the same
/// words.
[[nodiscard]] inline Tensor<bool> other_images(const Pairs& pairs, index_t images) {
  const auto count = static_cast<index_t>(pairs.owner.size());
  Tensor<bool> mask = full<bool>({count, images}, false);
  for (std::size_t c = 0; c < pairs.text.size(); ++c)
    for (std::size_t d = 0; d < pairs.text.size(); ++d)
      if (pairs.text[c] == pairs.text[d] && pairs.owner[c] != pairs.owner[d])
        mask.data()[static_cast<index_t>(c) * images + pairs.owner[d]] = true;
  return mask;
}
[[nodiscard]] inline Tensor<std::int64_t> as_targets(const std::vector<index_t>& values) {
  const Shape shape{static_cast<index_t>(values.size())};
  return from<std::int64_t>(std::vector<std::int64_t>(values.begin(), values.end()), shape);
}

}  // namespace detail

/// Symmetric InfoNCE (van den Oord, Li, Vinyals 2018; Radford et al. 2021): images [N, E] and texts [C, E] are unit
/// vectors, `scale` [] multiplies their similarities. Every text picks its image out of all, and every image each of
/// its texts out of all texts but its others: what belongs together is never a negative.
template <class T>
[[nodiscard]] Tensor<T> info_nce(const Tensor<T>& images, const Tensor<T>& texts, const Tensor<T>& scale,
                                 const Pairs& pairs) {
  const Tensor<T> s = matmul(images, transpose(texts)) * scale;  // [N, C]
  const Device device = s.device();
  const Tensor<T> to_image = masked_fill(transpose(s), to(detail::other_images(pairs, images.size(0)), device), -1e9);
  const Tensor<T> to_text = masked_fill(index_select(s, 0, pairs.owner), to(detail::other_texts(pairs), device), -1e9);
  return (cross_entropy<T>(to_image, detail::as_targets(pairs.owner)) +
          cross_entropy<T>(to_text, detail::as_targets([&] {
                             std::vector<index_t> own(pairs.owner.size());
                             for (std::size_t c = 0; c < own.size(); ++c) own[c] = static_cast<index_t>(c);
                             return own;
                           }()))) *
         0.5;
}

/// The margin by which each pair must beat its hardest negative in both directions (Faghri, Fleet, Kiros, Fidler 2018,
/// "VSE++"): mean of max(0, margin - s(own) + s(hardest)) over texts, summed over directions.
template <class T>
[[nodiscard]] Tensor<T> hard_negative_margin(const Tensor<T>& images, const Tensor<T>& texts, double margin,
                                             const Pairs& pairs) {
  const Tensor<T> s = matmul(images, transpose(texts));
  const index_t count = texts.size(0), rows = images.size(0);
  Tensor<bool> own_image = detail::other_images(pairs, rows), own_text = detail::other_texts(pairs);
  for (index_t c = 0; c < count; ++c) {
    own_image.data()[c * rows + pairs.owner[static_cast<std::size_t>(c)]] = true;
    own_text.data()[c * count + c] = true;
  }
  const Tensor<T> of_owner = index_select(s, 0, pairs.owner);  // [C, C]: each text's image against all texts
  std::vector<index_t> diagonal;
  for (index_t c = 0; c < count; ++c) diagonal.push_back(c * count + c);
  const Tensor<T> own = index_select(flatten(of_owner), 0, diagonal);
  const Tensor<T> wrong_image = max(masked_fill(transpose(s), to(own_image, s.device()), -1e9), {1}),
                  wrong_text = max(masked_fill(of_owner, to(own_text, s.device()), -1e9), {1});
  return mean(relu(wrong_image - own + margin)) + mean(relu(wrong_text - own + margin));
}

/// Adds the gradients of loss(a, b) to every parameter, where a and b are all chunks of the two encoders one under
/// another, while only one chunk's graph is in memory at a time (Gao, Zhang, Han, Callan 2021, "Scaling deep
/// contrastive learning batch size under memory limited setup"). Each chunk is encoded twice: without a graph for its
/// vectors, and with one for the gradient that the loss gave these. encode_a(chunk, random) and encode_b draw from
/// `random` alone, and get the same numbers both times. Returns the loss.
template <class T, class EncodeA, class EncodeB, class Loss>
T cached_backward(index_t chunks_a, EncodeA&& encode_a, index_t chunks_b, EncodeB&& encode_b, Loss&& loss,
                  Generator& random) {
  std::vector<Generator::State> states;
  const auto encode_all = [&](index_t chunks, auto&& encode) {
    NoGradGuard no_grad;
    std::vector<Tensor<T>> parts;
    for (index_t k = 0; k < chunks; ++k) {
      states.push_back(random.state());
      parts.push_back(encode(k, random));
    }
    return parts;
  };
  const std::vector<Tensor<T>> a = encode_all(chunks_a, encode_a), b = encode_all(chunks_b, encode_b);
  Tensor<T> all_a = concat<T>(a, 0), all_b = concat<T>(b, 0);
  all_a.requires_grad_();
  all_b.requires_grad_();
  const Tensor<T> value = loss(all_a, all_b);
  backward(value);
  const Generator::State after = random.state();
  std::size_t state = 0;
  const auto again = [&](const std::vector<Tensor<T>>& parts, const Tensor<T>& gradient, auto&& encode) {
    index_t row = 0;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      random.set_state(states[state++]);
      const index_t rows = parts[k].size(0);
      backward(encode(static_cast<index_t>(k), random), contiguous(narrow(gradient, 0, row, rows)));
      row += rows;
    }
  };
  again(a, all_a.grad(), encode_a);
  again(b, all_b.grad(), encode_b);
  random.set_state(after);
  return value.item();
}

}  // namespace limn::inline LIMN_ABI::models

#pragma once
// Answers questions about pictures. The question is read word by word, and with each word the model looks at the grid;
// a second LSTM reads what was said together with what was seen, looks once more, and a classifier answers. Attention
// over a grid chosen by the question: Yang, He, Gao, Deng, Smola 2016 ("Stacked attention networks"). The classifier
// reads the question's own state beside what was seen, and their product: Kim, On, Lim, Kim, Ha, Zhang 2017 ("Hadamard
// product for low-rank bilinear pooling"). The simpler forms (a bag of words, a pooled image, either alone) are the
// baselines of Ren, Kiros, Zemel 2015 and Zhou et al. 2015 (iBOWIMG).

#include <cmath>
#include <string>
#include <vector>

#include <limn/nn/embedding.hpp>
#include <limn/nn/linear.hpp>
#include <limn/nn/recurrent.hpp>
#include <limn/ops/activation.hpp>
#include <limn/ops/cast.hpp>
#include <limn/ops/dropout.hpp>
#include <limn/ops/reduce.hpp>
#include <limn/ops/softmax.hpp>

namespace limn::inline LIMN_ABI::models {

/// Q questions about some of M images.
struct QuestionBatch {
  Tensor<std::int64_t> ids;      ///< [Q, T], padded behind
  std::vector<index_t> lengths;  ///< [Q]: words of each, at least 1
  std::vector<index_t> image;    ///< [Q]: the row of the grid that each belongs to

  [[nodiscard]] static QuestionBatch of(const std::vector<std::vector<index_t>>& questions,
                                        const std::vector<index_t>& image, index_t pad) {
    QuestionBatch batch;
    index_t steps = 1;
    for (const auto& question : questions) steps = std::max(steps, static_cast<index_t>(question.size()));
    batch.ids = full<std::int64_t>({static_cast<index_t>(questions.size()), steps}, pad);
    batch.image = image;
    for (std::size_t q = 0; q < questions.size(); ++q) {
      if (questions[q].empty()) fail("QuestionBatch", "question ", q, " has no words");
      batch.lengths.push_back(static_cast<index_t>(questions[q].size()));
      for (std::size_t t = 0; t < questions[q].size(); ++t)
        batch.ids.data()[static_cast<index_t>(q) * steps + static_cast<index_t>(t)] = questions[q][t];
    }
    return batch;
  }
};

struct VqaSmallConfig {
  index_t features = 96;  ///< numbers at each place of the grid
  index_t vocabulary = 100, answers = 10;
  index_t embedding = 64;
  index_t units = 128;              ///< width of LSTMs, attention and the answer's hidden layer
  index_t heads = 4;                ///< looks at once
  std::string question = "lstm";    ///< lstm, bag, or none: the image alone
  std::string image = "attention";  ///< attention, pooled (the grid's mean), or none: the question alone
  double dropout = 0;               ///< on grid, embedding and hidden layer
};

template <class T = float>
struct VqaAnswer {
  Tensor<T> logits;  ///< [Q, answers]
  Tensor<T> words;   ///< [Q, T, P]: where each word looked, heads averaged; undefined without attention or words
  Tensor<T> last;    ///< [Q, P]: where the last look went; undefined without attention
};

template <class T = float>
struct VqaSmall {
  VqaSmallConfig config;
  nn::Embedding<T> embedding;
  nn::LSTM<T> lstm, reader;
  nn::Linear<T> bag, grid_dense, key, value, word_query, last_query, pooled, hidden, asked, shown, output;
  Tensor<T> word_bias, last_bias;         ///< [heads]: how much a place must fit to count as seen
  Tensor<T> feature_mean, feature_scale;  ///< [features]: each place is read as (x - mean) * scale; undefined: as it is
  bool training = true;

  VqaSmall(const VqaSmallConfig& chosen, Generator& generator) : config(chosen) {
    const index_t u = config.units;
    if (!one_of(config.question, {"lstm", "bag", "none"}) || !one_of(config.image, {"attention", "pooled", "none"}) ||
        (config.question == "none" && config.image != "pooled"))
      fail("VqaSmall", "question=", config.question, " with image=", config.image,
           " is no model; question is lstm, bag or (with image=pooled) none, image is attention, pooled or none");
    if (config.heads < 1 || u % config.heads != 0)
      fail("VqaSmall", u, " units do not divide into ", config.heads, " heads");
    if (asks()) embedding = nn::Embedding<T>(config.vocabulary, config.embedding, generator, {}, 0.3);
    if (reads()) lstm = nn::LSTM<T>(config.embedding, u, generator, {.batch_first = true});
    if (config.question == "bag") bag = nn::Linear<T>(config.embedding, u, generator);
    if (attends()) {
      grid_dense = nn::Linear<T>(config.features + 2, u, generator);
      key = nn::Linear<T>(u, u, generator);
      value = nn::Linear<T>(u, u, generator);
      last_query = nn::Linear<T>(u, u, generator);
      last_bias = nn::parameter(full<T>({config.heads}, T(-3.f)));
      if (reads()) {
        word_query = nn::Linear<T>(u, u, generator);
        word_bias = nn::parameter(full<T>({config.heads}, T(-3.f)));
        reader = nn::LSTM<T>(u + seen_size(), u, generator, {.batch_first = true});
      }
    }
    if (looks()) pooled = nn::Linear<T>(config.features, u, generator);
    const index_t question = asks() ? u : 0;
    const index_t seen = (attends() ? seen_size() + (reads() ? u : 0) : 0) + (looks() ? u : 0);
    hidden = nn::Linear<T>(question + seen, 2 * u, generator);
    if (multiplies()) {
      asked = nn::Linear<T>(question, u, generator);
      shown = nn::Linear<T>(seen, u, generator);
    }
    output = nn::Linear<T>(multiplies() ? 3 * u : 2 * u, config.answers, generator);
  }

  template <class V>
  void members(V&& visit) {
    if (asks()) visit("embedding", embedding);
    if (reads()) visit("lstm", lstm);
    visit("bag", bag);
    visit("grid_dense", grid_dense);
    visit("key", key);
    visit("value", value);
    visit("word_query", word_query);
    visit("word_bias", word_bias);
    if (reads() && attends()) visit("reader", reader);
    visit("last_query", last_query);
    visit("last_bias", last_bias);
    visit("pooled", pooled);
    visit("hidden", hidden);
    visit("asked", asked);
    visit("shown", shown);
    visit("output", output);
    visit("feature_mean", feature_mean);
    visit("feature_scale", feature_scale);
  }

  [[nodiscard]] bool asks() const { return config.question != "none"; }
  [[nodiscard]] bool reads() const { return config.question == "lstm"; }
  [[nodiscard]] bool looks() const { return config.image != "none"; }
  [[nodiscard]] bool attends() const { return config.image == "attention"; }
  [[nodiscard]] bool multiplies() const { return asks() && looks(); }

  /// grid [M, P, features] (P a square number, in reading order) -> answers of the batch. The grid may be undefined
  /// when the model asks without looking.
  [[nodiscard]] VqaAnswer<T> operator()(const Tensor<T>& grid, const QuestionBatch& batch,
                                        Generator* generator = nullptr) const {
    VqaAnswer<T> answer;
    Tensor<T> question;           // [Q, units]: what was asked, before anything was seen
    std::vector<Tensor<T>> seen;  // [Q, ...]: what the picture said
    Look look;
    if (attends()) look = prepare(grid, batch.image, generator);
    if (asks()) {
      const Tensor<T> words = drop(embedding(batch.ids), generator);
      if (reads()) {
        const auto said = lstm(words, {}, {}, {.lengths = batch.lengths});
        question = select(said.h, 0, 0);
        if (attends()) seen.push_back(read(said.output, batch, look, answer));
      } else {
        question = bag_state(words, batch);
      }
    }
    if (attends()) {
      const Seen last = see(look, last_query(unsqueeze(reads() ? seen[0] : question, 1)), last_bias);
      answer.last = squeeze(last.weights, 1);
      seen.push_back(squeeze(last.values, 1));
    }
    if (looks())
      seen.push_back(relu(pooled(drop(index_select(mean(standardised(grid), {1}), 0, batch.image), generator))));
    answer.logits = output(drop(fuse(question, seen), generator));
    return answer;
  }

 private:
  /// The grid as each question sees it, by heads: [Q, heads, P, units / heads].
  struct Look {
    Tensor<T> keys, values;
    Tensor<T> places;  ///< [P, 2]: row and column in -1..1
  };
  struct Seen {
    Tensor<T> values;   ///< [Q, T, seen_size()]: what was looked at, times what was looked for, how many places
                        ///< fitted, and where the middle of the look was
    Tensor<T> weights;  ///< [Q, T, P]: heads averaged
  };
  [[nodiscard]] index_t seen_size() const { return 2 * config.units + 3 * config.heads; }

  [[nodiscard]] static bool one_of(const std::string& text, const std::vector<std::string>& known) {
    for (const std::string& each : known)
      if (text == each) return true;
    return false;
  }
  [[nodiscard]] Tensor<T> drop(const Tensor<T>& x, Generator* generator) const {
    return training && generator && config.dropout > 0 ? dropout(x, config.dropout, *generator) : x;
  }
  [[nodiscard]] Tensor<T> standardised(const Tensor<T>& grid) const {
    return feature_mean.defined() ? (grid - feature_mean) * feature_scale : grid;
  }
  /// [rows, time, units] -> [rows, heads, time, units / heads]
  [[nodiscard]] Tensor<T> by_heads(const Tensor<T>& x) const {
    return permute(reshape(x, {x.size(0), x.size(1), config.heads, config.units / config.heads}), {0, 2, 1, 3});
  }
  /// Keys and values of every place, with its two coordinates in -1..1.
  [[nodiscard]] Look prepare(const Tensor<T>& grid, const std::vector<index_t>& image, Generator* generator) const {
    check_rank("VqaSmall", "grid", grid.shape(), 3);
    const index_t count = grid.size(0), p = grid.size(1);
    const auto side = static_cast<index_t>(std::lround(std::sqrt(static_cast<double>(p))));
    if (side * side != p) fail("VqaSmall", "a grid of ", p, " places is no square");
    Tensor<T> places({p, 2});
    for (index_t i = 0; i < p; ++i) {
      places.data()[2 * i] = static_cast<T>(2 * (i / side) + 1) / static_cast<T>(side) - 1;
      places.data()[2 * i + 1] = static_cast<T>(2 * (i % side) + 1) / static_cast<T>(side) - 1;
    }
    places = to(places, grid.device());
    const Tensor<T> read = concat<T>({drop(standardised(grid), generator), expand(places, {count, p, 2})}, 2);
    const Tensor<T> dense = relu(grid_dense(read));
    return {index_select(by_heads(key(dense)), 0, image), index_select(by_heads(value(dense)), 0, image), places};
  }
  /// queries [Q, T, units]
  [[nodiscard]] Seen see(const Look& look, const Tensor<T>& queries, const Tensor<T>& bias) const {
    const index_t rows = queries.size(0), time = queries.size(1);
    const double scale = 1 / std::sqrt(static_cast<double>(config.units / config.heads));
    const Tensor<T> scores = matmul(by_heads(queries), transpose(look.keys)) * scale;  // [Q, heads, T, P]
    const Tensor<T> weights = softmax(scores);
    const Tensor<T> values = reshape(permute(matmul(weights, look.values), {0, 2, 1, 3}), {rows, time, config.units});
    // Softmax forgets how much there is to look at: the number of fitting places, in quarters, says it.
    const Tensor<T> fitting = sum(sigmoid(scores + reshape(bias, {config.heads, 1, 1})), {3}) * 0.25;
    // Where each head looked, so that two looks can be compared: the expected place (the "spatial softmax" of Levine,
    // Finn, Darrell, Abbeel 2016, "End-to-end training of deep visuomotor policies").
    const Tensor<T> middle =
        reshape(permute(matmul(weights, look.places), {0, 2, 1, 3}), {rows, time, 2 * config.heads});
    return {concat<T>({values, values * queries, permute(fitting, {0, 2, 1}), middle}, 2), mean(weights, {1})};
  }
  /// said [Q, T, units] -> the last state [Q, units] of what was said together with what was seen
  [[nodiscard]] Tensor<T> read(const Tensor<T>& said, const QuestionBatch& batch, const Look& look,
                               VqaAnswer<T>& answer) const {
    const Seen seen = see(look, word_query(said), word_bias);
    answer.words = seen.weights;
    return select(reader(concat<T>({said, seen.values}, 2), {}, {}, {.lengths = batch.lengths}).h, 0, 0);
  }
  /// The classifier's input: question and picture side by side, and their product. Without the product "is A left of
  /// B?" is an exclusive or, of which neither half says anything alone.
  [[nodiscard]] Tensor<T> fuse(const Tensor<T>& question, const std::vector<Tensor<T>>& seen) const {
    std::vector<Tensor<T>> parts = seen;
    if (asks()) parts.insert(parts.begin(), question);
    const Tensor<T> added = relu(hidden(joined(parts)));
    if (!multiplies()) return added;
    return concat<T>({added, tanh(asked(question)) * tanh(shown(joined(seen)))}, 1);
  }
  [[nodiscard]] static Tensor<T> joined(const std::vector<Tensor<T>>& parts) {
    return parts.size() == 1 ? parts[0] : concat<T>(parts, 1);
  }
  /// The mean of the embeddings through a dense layer.
  [[nodiscard]] Tensor<T> bag_state(const Tensor<T>& words, const QuestionBatch& batch) const {
    const index_t rows = batch.ids.size(0), steps = batch.ids.size(1);
    const Tensor<T> share = zeros<T>({rows, 1, steps});
    for (index_t q = 0; q < rows; ++q)
      for (index_t t = 0; t < batch.lengths[static_cast<std::size_t>(q)]; ++t)
        share.data()[q * steps + t] = T(1) / static_cast<T>(batch.lengths[static_cast<std::size_t>(q)]);
    return relu(bag(squeeze(matmul(to(share, words.device()), words), 1)));
  }
};

}  // namespace limn::inline LIMN_ABI::models

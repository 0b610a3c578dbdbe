// The two captioners: what training sees and what generation says must be the same model.
#include <doctest/doctest.h>

#include <limn/autograd/gradcheck.hpp>
#include <limn/models/caption_attention.hpp>
#include <limn/models/caption_merge.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/optim/adam.hpp>

using namespace limn;

namespace {

const std::vector<std::vector<index_t>> captions = {{1, 5, 6, 2}, {1, 7, 2}, {1, 8, 9, 10, 2}};

models::ImageFeatures<double> features_of_two(Generator& generator) {
  return {uniform<double>({2, 6}, generator, -1, 1), uniform<double>({2, 4, 6}, generator, -1, 1)};
}

/// Logits of every step by teacher forcing against those of next(), word by word.
template <class Model>
double largest_gap(Model& model, const models::ImageFeatures<double>& features) {
  NoGradGuard no_grad;
  nn::eval(model);
  const std::vector<index_t> image = {0, 0, 1};
  const auto batch = models::CaptionBatch::of(captions, image, 0, 20);
  const Tensor<double> together = model(features, batch, nullptr);
  double gap = 0;
  index_t row = 0;
  for (std::size_t c = 0; c < captions.size(); ++c) {
    const auto one = [&](const Tensor<double>& x) { return narrow(x, 0, image[c], 1); };
    auto state = model.begin({one(features.pooled), one(features.grid)});
    for (std::size_t t = 0; t + 1 < captions[c].size(); ++t, ++row) {
      const Tensor<double> step = model.next(state, from<std::int64_t>({captions[c][t]}, {1}));
      for (index_t v = 0; v < step.size(1); ++v) gap = std::max(gap, std::abs(step.at({0, v}) - together.at({row, v})));
    }
  }
  CHECK(row == together.size(0));
  return gap;
}

/// The loss on three captions after `steps` steps: a model that can learn them by heart has no broken gradient.
template <class Model>
double loss_after(Model& model, const models::ImageFeatures<double>& features, int steps) {
  optim::Adam<double> optimizer(nn::parameters<double>(model), {.lr = 0.02});
  const auto batch = models::CaptionBatch::of(captions, {0, 0, 1}, 0, 20);
  double last = 0;
  for (int i = 0; i < steps; ++i) {
    const Tensor<double> loss = cross_entropy<double>(model(features, batch, nullptr), batch.targets);
    last = loss.item();
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
  }
  return last;
}

}  // namespace

TEST_CASE("a batch holds every step of every caption once, padding left out") {
  const auto batch = models::CaptionBatch::of(captions, {0, 0, 1}, 0, 20);
  CHECK(batch.ids.shape() == Shape{3, 4});
  CHECK(batch.positions == std::vector<index_t>{0, 1, 2, 4, 5, 8, 9, 10, 11});
  CHECK(to_vector(batch.targets) == std::vector<std::int64_t>{5, 6, 2, 7, 2, 8, 9, 10, 2});
  CHECK(models::CaptionBatch::of(captions, {0, 0, 1}, 0, 3).ids.shape() == Shape{3, 2});
}

TEST_CASE("merge captioner: teacher forcing and generation give the same logits, added or concatenated") {
  for (const bool concatenated : {false, true}) {
    Generator generator(1);
    models::MergeCaptioner<double> model({.features = 6, .units = 5, .vocabulary = 12, .concat = concatenated},
                                         generator);
    const auto features = features_of_two(generator);
    CHECK(largest_gap(model, features) < 1e-12);
    nn::train(model);
    CHECK(loss_after(model, features, 300) <
          0.6);  // one image has two captions: ln 2 at one step of nine remains, and more
  }
}

TEST_CASE("attention captioner: teacher forcing and generation give the same logits; weights sum to one") {
  Generator generator(2);
  models::AttentionCaptioner<double> model({.features = 6, .embedding = 4, .units = 5, .vocabulary = 12}, generator);
  const auto features = features_of_two(generator);
  CHECK(largest_gap(model, features) < 1e-12);
  const Tensor<double> weights = model.attend(uniform<double>({2, 3, 5}, generator, -1, 1), model.keys(features.grid));
  for (const double total : to_vector(sum(weights, {2}))) CHECK(total == doctest::Approx(1));
  CHECK(loss_after(model, features, 300) < 0.6);
}

TEST_CASE("padding inside the prefix does not change the merge captioner's answer") {
  Generator generator(3);
  models::MergeCaptioner<double> model({.features = 6, .units = 5, .vocabulary = 12}, generator);
  nn::eval(model);
  const Tensor<double> image = uniform<double>({1, 6}, generator, -1, 1);
  const auto plain = model.of_prefix(image, from<std::int64_t>({1, 5, 6}, {1, 3})).second;
  const auto padded = model.of_prefix(image, from<std::int64_t>({0, 0, 1, 0, 5, 6}, {1, 6})).second;
  CHECK(to_vector(plain) == to_vector(padded));
}

TEST_CASE("the same seed drops the same units; evaluation drops none") {
  Generator generator(4);
  models::AttentionCaptioner<double> model({.features = 6, .embedding = 4, .units = 5, .vocabulary = 12}, generator);
  const auto features = features_of_two(generator);
  const auto batch = models::CaptionBatch::of(captions, {0, 0, 1}, 0, 20);
  Generator a(9), b(9), c(10);
  const auto first = to_vector(model(features, batch, &a));
  CHECK(first == to_vector(model(features, batch, &b)));
  CHECK(first != to_vector(model(features, batch, &c)));
  nn::eval(model);
  CHECK(to_vector(model(features, batch, &a)) == to_vector(model(features, batch, nullptr)));
}

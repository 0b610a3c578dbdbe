// The models of the programs: they learn on a GPU as on the CPU, and say the same there.

#include <limn/generate/beam.hpp>
#include <limn/generate/sample.hpp>
#include <limn/models/caption_attention.hpp>
#include <limn/models/caption_merge.hpp>
#include <limn/models/dual_encoder.hpp>
#include <limn/models/vqa_small.hpp>

#include <cuda/learning.hpp>

using namespace limn;
using test::check_same, test::have_device, test::train;

namespace {

/// Two captions of the first image and one of the second, then what beam search and sampling say of the first.
template <class Captioner>
void check_captioner(const std::function<Captioner(Generator&)>& make) {
  check_same([&](Device device) {
    Generator generator(5), dropped(6);
    Captioner model = make(generator);
    const Tensor<float> grid = to(uniform<float>({2, 4, 6}, generator, -1, 1), device);
    const models::ImageFeatures<float> features{mean(grid, 1), grid};
    const auto batch = models::CaptionBatch::of({{1, 4, 5, 2}, {1, 6, 2}, {1, 7, 4, 8, 2}}, {0, 0, 1}, 0, 20);
    nn::to(model, device);
    std::vector<double> record =
        train(model, 2, [&] { return cross_entropy(model(features, batch, &dropped), batch.targets); });
    nn::eval(model);
    NoGradGuard no_grad;
    const models::ImageFeatures<float> first{narrow(features.pooled, 0, 0, 1), narrow(grid, 0, 0, 1)};
    const auto next = [&](auto& state, const Tensor<std::int64_t>& ids) { return model.next(state, ids); };
    auto said = generate::beam_search(model.begin(first), next, {.beam = 2, .nbest = 2, .max_length = 4});
    for (const auto& sampled : generate::sample(model.begin(first), next, 1, {.max_length = 4}, generator))
      said.push_back(sampled);
    for (const auto& hypothesis : said) {
      record.push_back(hypothesis.log_probability);
      for (const auto word : hypothesis.words) record.push_back(static_cast<double>(word));
    }
    return record;
  });
}

}  // namespace

TEST_CASE("the attention captioner learns and speaks the same on a GPU") {
  if (!have_device()) return;
  check_captioner<models::AttentionCaptioner<float>>([](Generator& generator) {
    return models::AttentionCaptioner<float>({6, 5, 8, 9, 0.3}, generator);
  });
}

TEST_CASE("the merge captioner learns and speaks the same on a GPU") {
  if (!have_device()) return;
  check_captioner<models::MergeCaptioner<float>>([](Generator& generator) {
    return models::MergeCaptioner<float>({6, 8, 9, true, 0.3}, generator);
  });
}

TEST_CASE("answers to questions are learned the same on a GPU") {
  if (!have_device()) return;
  for (const char* question : {"lstm", "bag"})
    check_same([question](Device device) {
      Generator generator(7);
      models::VqaSmallConfig config;
      config.question = question;
      config.features = 6, config.vocabulary = 9, config.answers = 4, config.embedding = 5, config.units = 8;
      config.heads = 2, config.dropout = 0;
      models::VqaSmall<float> model(config, generator);
      const Tensor<float> grid = to(uniform<float>({2, 9, 6}, generator, -1, 1), device);
      const auto batch = models::QuestionBatch::of({{1, 2, 3}, {4, 5}, {6, 7, 8, 1}}, {0, 1, 1}, 0);
      const auto targets = from<std::int64_t>({3, 0, 1}, {3});
      nn::to(model, device);
      return train(model, 2, [&] { return cross_entropy(model(grid, batch).logits, targets); });
    });
}

TEST_CASE("images and texts meet the same on a GPU") {
  if (!have_device()) return;
  for (const bool nce : {true, false})
    check_same([nce](Device device) {
      Generator generator(8);
      models::DualEncoder<float> model({6, 9, 5, 7, 8, 0.0, true}, generator);
      const Tensor<float> grid = to(uniform<float>({3, 4, 6}, generator, -1, 1), device);
      const auto batch = models::TextBatch::of({{1, 2, 3}, {4, 5}, {6, 7, 8, 1}, {4, 5}}, 0, 20);
      const models::Pairs pairs{{0, 0, 1, 2}, {0, 1, 2, 1}};
      nn::to(model, device);
      return train(model, 2, [&] {
        const Tensor<float> images = model.images(grid), texts = model.texts(batch);
        return nce ? models::info_nce(images, texts, model.scale(), pairs)
                   : models::hard_negative_margin(images, texts, 0.2, pairs);
      });
    });
}

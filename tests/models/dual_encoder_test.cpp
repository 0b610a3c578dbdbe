// Two towers: losses against their formulas, what is no negative, and gradients that caching does not change.
#include <doctest/doctest.h>

#include <limn/autograd/gradcheck.hpp>
#include <limn/models/dual_encoder.hpp>
#include <limn/optim/adam.hpp>

#include "support/op_case.hpp"

using namespace limn;
using namespace limn::models;

namespace {

const std::vector<std::vector<index_t>> texts = {{4, 5}, {6, 7, 8}, {9}, {4, 5, 6, 7}, {10, 11}};
const Pairs pairs{{0, 0, 1, 2, 2}, {}};

DualEncoder<double> small_model(Generator& generator, double dropout = 0) {
  return {{.features = 6, .vocabulary = 12, .embedding = 5, .units = 4, .shared = 7, .dropout = dropout}, generator};
}

/// -log softmax of `target` over the entries that are let in.
double nll(const std::vector<double>& scores, std::size_t target, const std::vector<bool>& in) {
  double total = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) total += in[i] ? std::exp(scores[i]) : 0;
  return std::log(total) - scores[target];
}

std::vector<std::vector<double>> gradients(DualEncoder<double>& model) {
  std::vector<std::vector<double>> all;
  for (const auto& parameter : nn::parameters<double>(model)) {
    all.push_back(to_vector(parameter.grad()));
    parameter.zero_grad();
  }
  return all;
}

}  // namespace

TEST_CASE("dual encoder: of a grid it takes the mean and the largest, in any order of the places") {
  Generator generator(2);
  const DualEncoder<double> model(
      {.features = 6, .vocabulary = 12, .embedding = 5, .units = 4, .shared = 7, .grid = true}, generator);
  const auto grid = normal<double>({3, 4, 6}, generator);
  const auto vectors = model.images(grid);
  for (index_t n = 0; n < 3; ++n) {
    std::vector<double> wanted(7);
    double length = 0;
    for (index_t s = 0; s < 7; ++s) {
      double of_mean = model.image_dense.bias.data()[s], largest = -1e300;
      for (index_t p = 0; p < 4; ++p) {
        double said = model.place_dense.bias.data()[s];
        for (index_t f = 0; f < 6; ++f) {
          const double x = grid.data()[(n * 4 + p) * 6 + f];
          of_mean += model.image_dense.weight.data()[s * 6 + f] * x / 4;
          said += model.place_dense.weight.data()[s * 6 + f] * x;
        }
        largest = std::max(largest, said);
      }
      wanted[static_cast<std::size_t>(s)] = of_mean + largest;
      length += (of_mean + largest) * (of_mean + largest);
    }
    for (index_t s = 0; s < 7; ++s)
      CHECK(vectors.data()[n * 7 + s] ==
            doctest::Approx(wanted[static_cast<std::size_t>(s)] / std::sqrt(length)).epsilon(1e-9));
  }
  const auto turned = index_select(grid, 1, {2, 0, 3, 1});
  CHECK(test::detail::largest_difference(model.images(turned), vectors) < 1e-12);
  CHECK_THROWS_WITH_AS(static_cast<void>(model.images(zeros<double>({3, 6}))),
                       "DualEncoder: features have shape [3, 6] but the model reads [N, P, 6]", Error);
}

TEST_CASE("dual encoder: vectors have length 1 and do not depend on the texts beside them") {
  Generator generator(1);
  auto model = small_model(generator);
  const auto together = model.texts(TextBatch::of(texts, 0, 20));
  for (index_t c = 0; c < 5; ++c) {
    double length = 0;
    const auto alone = model.texts(TextBatch::of({texts[static_cast<std::size_t>(c)]}, 0, 20));
    for (index_t e = 0; e < 7; ++e) {
      length += together.at({c, e}) * together.at({c, e});
      CHECK(alone.at({0, e}) == doctest::Approx(together.at({c, e})));
    }
    CHECK(length == doctest::Approx(1));
  }
  CHECK(TextBatch::of(texts, 0, 2).ids.shape() == Shape{5, 2});
  CHECK_THROWS_WITH_AS((void)TextBatch::of({{}}, 0, 2), "TextBatch: text 0 has no words", Error);
}

TEST_CASE("InfoNCE: a text's own image and an image's other texts are no negatives, nor are the same words") {
  Generator generator(2);
  const auto images = normalised(normal<double>({3, 4}, generator)),
             words = normalised(normal<double>({5, 4}, generator));
  for (const bool alike : {false, true}) {
    Pairs given = pairs;
    if (alike) given.text = {0, 1, 2, 1, 3};  // text 3 (of image 2) says what text 1 (of image 0) says
    double expected = 0;
    for (std::size_t c = 0; c < 5; ++c) {
      std::vector<double> to_image, to_text;
      std::vector<bool> image_in, text_in;
      for (index_t i = 0; i < 3; ++i) {
        double s = 0;
        for (index_t e = 0; e < 4; ++e) s += images.at({i, e}) * words.at({static_cast<index_t>(c), e});
        to_image.push_back(3 * s);
        image_in.push_back(!alike || !((c == 1 && i == 2) || (c == 3 && i == 0)));
      }
      for (std::size_t d = 0; d < 5; ++d) {
        double s = 0;
        for (index_t e = 0; e < 4; ++e) s += images.at({given.owner[c], e}) * words.at({static_cast<index_t>(d), e});
        to_text.push_back(3 * s);
        const bool same = alike && ((c == 1 && d == 3) || (c == 3 && d == 1));
        text_in.push_back(c == d || (given.owner[c] != given.owner[d] && !same));
      }
      expected += nll(to_image, static_cast<std::size_t>(given.owner[c]), image_in) + nll(to_text, c, text_in);
    }
    CHECK(info_nce(images, words, scalar(3.0), given).item() == doctest::Approx(expected / 10));
  }
}

TEST_CASE("margin loss: only the hardest negative of each direction counts") {
  const auto images = from<double>({1, 0, 0, 1}, {2, 2});
  const auto words = from<double>({0.8, 0.6, 0.6, 0.8, 0, 1}, {3, 2});
  // s(image 0) = .8 .6 0, s(image 1) = .6 .8 1; texts 0 | 1 2 belong to images 0 | 1.
  // text 0: image .2 - .8 + .6 = 0; texts .2 - .8 + .6 = 0.  text 1: .2 - .8 + .6 = 0; .2 - .8 + .6 = 0.  text 2: less.
  CHECK(hard_negative_margin(images, words, 0.2, {{0, 1, 1}, {}}).item() == doctest::Approx(0));
  // margin .5: text 0 .3 + .3, text 1 .3 + .3, text 2 (.5 - 1 + 0 < 0) 0 + (.5 - 1 + .6) .1
  CHECK(hard_negative_margin(images, words, 0.5, {{0, 1, 1}, {}}).item() == doctest::Approx((0.6 + 0.6 + 0.1) / 3));
}

TEST_CASE("gradient caching gives the gradients of the whole batch at once, dropout included, for both losses") {
  for (const bool margin : {false, true})
    for (const double dropout : {0.0, 0.4}) {
      Generator generator(3);
      auto model = small_model(generator, dropout);
      const auto features = normal<double>({3, 6}, generator);
      const auto loss = [&](const Tensor<double>& a, const Tensor<double>& b) {
        return margin ? hard_negative_margin(a, b, 0.3, pairs) : info_nce(a, b, model.scale(), pairs);
      };
      // Chunks of one image, and of two and three texts.
      const auto image_chunk = [&](index_t k, Generator& random) {
        return model.images(narrow(features, 0, k, 1), &random);
      };
      const auto text_chunk = [&](index_t k, Generator& random) {
        const auto first = texts.begin() + 2 * k;
        return model.texts(TextBatch::of({first, k == 0 ? first + 2 : texts.end()}, 0, 20), &random);
      };
      Generator cached(7), whole(7);
      const double value = cached_backward<double>(3, image_chunk, 2, text_chunk, loss, cached);
      const auto by_cache = gradients(model);
      std::vector<Tensor<double>> a, b;
      for (index_t k = 0; k < 3; ++k) a.push_back(image_chunk(k, whole));
      for (index_t k = 0; k < 2; ++k) b.push_back(text_chunk(k, whole));
      const auto direct = loss(concat(a, 0), concat(b, 0));
      backward(direct);
      const auto at_once = gradients(model);
      CHECK(value == direct.item());
      CHECK(cached.state() == whole.state());
      REQUIRE(by_cache.size() == at_once.size());
      for (std::size_t p = 0; p < by_cache.size(); ++p) {
        REQUIRE(by_cache[p].size() == at_once[p].size());
        for (std::size_t i = 0; i < by_cache[p].size(); ++i)
          CHECK(std::abs(by_cache[p][i] - at_once[p][i]) <= 1e-12 * (1 + std::abs(at_once[p][i])));
      }
    }
}

TEST_CASE("dual encoder: both losses pull pairs together; the temperature is learned and bounded") {
  for (const bool margin : {false, true}) {
    Generator generator(4);
    auto model = small_model(generator);
    const auto features = normal<double>({3, 6}, generator);
    const auto batch = TextBatch::of(texts, 0, 20);
    optim::Adam<double> optimizer(nn::parameters<double>(model), {.lr = 0.02});
    double first = 0, last = 0;
    for (int i = 0; i < 100; ++i) {
      const auto a = model.images(features), b = model.texts(batch);
      const auto loss = margin ? hard_negative_margin(a, b, 0.2, pairs) : info_nce(a, b, model.scale(), pairs);
      (i == 0 ? first : last) = loss.item();
      optimizer.zero_grad();
      backward(loss);
      optimizer.step();
    }
    CHECK(first > 0.3);
    CHECK(last < 0.01);
    model.log_scale.data()[0] = 50;
    CHECK(model.scale().item() == doctest::Approx(100));
  }
}

// Questions about pictures: what a model looks at and forgets, and that every form of it can learn.
#include <doctest/doctest.h>

#include <limn/models/vqa_small.hpp>
#include <limn/ops/cross_entropy.hpp>
#include <limn/optim/adam.hpp>

using namespace limn;

namespace {

const std::vector<std::vector<index_t>> questions = {{4, 5, 6}, {7, 8}, {4, 8, 6, 9, 5}, {7, 8}};
const std::vector<index_t> images = {0, 0, 1, 1};
const auto targets = from<std::int64_t>({0, 1, 2, 3}, {4});  // questions 1 and 3 differ in the image alone

models::VqaSmall<double> model_of(const std::string& question, const std::string& image, Generator& generator) {
  return models::VqaSmall<double>({.features = 5,
                                   .vocabulary = 12,
                                   .answers = 4,
                                   .embedding = 6,
                                   .units = 8,
                                   .heads = 2,
                                   .question = question,
                                   .image = image},
                                  generator);
}

double loss_after(models::VqaSmall<double>& model, const Tensor<double>& grid, const models::QuestionBatch& batch,
                  const Tensor<std::int64_t>& answers, int steps) {
  optim::Adam<double> optimizer(nn::parameters<double>(model), {.lr = 0.02});
  double last = 0;
  for (int i = 0; i < steps; ++i) {
    const Tensor<double> loss = cross_entropy<double>(model(grid, batch).logits, answers);
    last = loss.item();
    optimizer.zero_grad();
    backward(loss);
    optimizer.step();
  }
  return last;
}

}  // namespace

TEST_CASE("vqa: a question's answer does not depend on the questions beside it, nor on padding") {
  Generator generator(1);
  for (const char* question : {"lstm", "bag"})
    for (const char* image : {"attention", "pooled", "none"}) {
      auto model = model_of(question, image, generator);
      nn::eval(model);
      const Tensor<double> grid = uniform<double>({2, 9, 5}, generator, -1, 1);
      const auto together = model(grid, models::QuestionBatch::of(questions, images, 0)).logits;
      for (index_t q = 0; q < 4; ++q) {
        const auto k = static_cast<std::size_t>(q);
        const auto alone = model(grid, models::QuestionBatch::of({questions[k]}, {images[k]}, 0)).logits;
        for (index_t a = 0; a < 4; ++a) CHECK(alone.at({0, a}) == doctest::Approx(together.at({q, a})));
      }
    }
}

TEST_CASE("vqa: every form learns what it can see: ln 2 / 2 remains where two questions look alike") {
  for (const auto& [question, image, rest] : {std::tuple<std::string, std::string, double>{"lstm", "attention", 0.0},
                                              {"bag", "attention", 0.0},
                                              {"lstm", "pooled", 0.0},
                                              {"bag", "pooled", 0.0},
                                              {"lstm", "none", 0.3466},
                                              {"bag", "none", 0.3466},
                                              {"none", "pooled", 0.6931}}) {
    Generator generator(2);
    auto model = model_of(question, image, generator);
    const double loss = loss_after(model, uniform<double>({2, 9, 5}, generator, -1, 1),
                                   models::QuestionBatch::of(questions, images, 0), targets, 300);
    const std::string form = question + " " + image;
    CHECK_MESSAGE(loss < rest + 0.05, form);
    CHECK_MESSAGE(loss > rest - 1e-3, form);
  }
}

TEST_CASE("vqa: an exclusive or of question and picture is learned, of which neither half says anything alone") {
  for (const auto& [question, image] :
       {std::pair<std::string, std::string>{"lstm", "attention"}, {"lstm", "pooled"}, {"bag", "pooled"}}) {
    Generator generator(5);
    auto model = model_of(question, image, generator);
    const double loss = loss_after(model, uniform<double>({2, 9, 5}, generator, -1, 1),
                                   models::QuestionBatch::of({{4, 5}, {4, 6}, {4, 5}, {4, 6}}, images, 0),
                                   from<std::int64_t>({0, 1, 1, 0}, {4}), 300);
    const std::string form = question + " " + image;
    CHECK_MESSAGE(loss < 0.05, form);
  }
}

TEST_CASE("vqa: each word and the last look share out their attention over the grid") {
  Generator generator(3);
  auto model = model_of("lstm", "attention", generator);
  const auto answer =
      model(uniform<double>({2, 9, 5}, generator, -1, 1), models::QuestionBatch::of(questions, images, 0));
  CHECK(answer.words.shape() == Shape{4, 5, 9});
  CHECK(answer.last.shape() == Shape{4, 9});
  for (const double total : to_vector(sum(answer.words, {2}))) CHECK(total == doctest::Approx(1));
  for (const double total : to_vector(sum(answer.last, {1}))) CHECK(total == doctest::Approx(1));
}

TEST_CASE("vqa: forms that are no model, questions without words and grids that are no square are refused") {
  Generator generator(4);
  CHECK_THROWS_WITH_AS(model_of("none", "attention", generator),
                       "VqaSmall: question=none with image=attention is no model; question is lstm, bag or (with "
                       "image=pooled) none, image is attention, pooled or none",
                       Error);
  CHECK_THROWS_WITH_AS((void)models::QuestionBatch::of({{1}, {}}, {0, 0}, 0), "QuestionBatch: question 1 has no words",
                       Error);
  auto model = model_of("lstm", "attention", generator);
  CHECK_THROWS_WITH_AS((void)model(zeros<double>({1, 8, 5}), models::QuestionBatch::of({{1}}, {0}, 0)),
                       "VqaSmall: a grid of 8 places is no square", Error);
}

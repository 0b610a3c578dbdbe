#include "vqa/ask.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include <limn/data/vqa.hpp>
#include <limn/image/decode.hpp>
#include <limn/image/transform.hpp>

#include "shared/errors.hpp"
#include "shared/html_sheet.hpp"
#include "shared/sheet_image.hpp"
#include "vqa/answerer.hpp"
#include "vqa/default_checkpoint.hpp"

namespace limn::vqa {
namespace {

struct Given {
  std::string answer;
  double probability = 0;
};

/// The `top` best answers of row q of the logits, best first.
std::vector<Given> best_answers(const Answerer& answerer, const Tensor<float>& logits, index_t q, index_t top) {
  const Tensor<float> p = softmax(narrow(logits, 0, q, 1));
  std::vector<index_t> order(answerer.answers().size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<index_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) { return p.data()[a] > p.data()[b]; });
  std::vector<Given> best;
  for (std::size_t i = 0; i < std::min(order.size(), static_cast<std::size_t>(top)); ++i)
    best.push_back({answerer.answers()[static_cast<std::size_t>(order[i])], static_cast<double>(p.data()[order[i]])});
  return best;
}

/// The part of the picture that the grid covers.
image::Image seen_part(const image::Image& picture, bool whole) {
  return whole ? picture : image::torchvision_crop(image::torchvision_resize(picture));
}

/// One row of attention [.., P] as a square heat map.
app::WordHeat heat(const std::string& word, const float* weights, index_t places) {
  const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(places))));
  return {word, std::vector<float>(weights, weights + places), side, side};
}

}  // namespace

int ask(const AskOptions& options) {
  NoGradGuard no_grad;
  const std::string checkpoint = options.checkpoint.empty() ? default_checkpoint() : options.checkpoint;
  const Answerer answerer = Answerer::load(checkpoint);
  const bool looks = answerer.architecture().encoder != "none";
  std::optional<io::AtomicFile> html;  // opened before the work: a sheet that cannot be written is known at once
  if (!options.html.empty()) html.emplace(options.html);
  const image::Image picture = image::decode_file(options.image);
  std::unique_ptr<captioner::Encoder> encoder;
  if (looks && !answerer.reads_pictures())
    encoder = captioner::find_encoder(answerer.architecture().encoder, answerer.encoder_weights(), checkpoint,
                                      options.weights);

  std::vector<std::vector<index_t>> encoded;
  for (const std::string& question : options.questions) {
    const auto ids = answerer.encode(question);
    if (ids.known == 0 && answerer.architecture().model.question != "none")
      std::fprintf(stderr, "vqa: warning: no word of %s is known; the answer rests on the image alone\n",
                   app::one_line(io::in_quotes(question)).c_str());
    encoded.push_back(ids.ids);
  }
  const auto batch = models::QuestionBatch::of(encoded, std::vector<index_t>(encoded.size(), 0), text::Vocabulary::pad);
  const auto answer = answerer(input_of(answerer, encoder.get(), {picture}), batch);

  app::Sheet sheet{.title = "Questions about " + std::filesystem::path(options.image).filename().string()};
  sheet.subtitle = "answered by limn; below each word, where the model looked when it read it";
  for (std::size_t q = 0; q < options.questions.size(); ++q) {
    const auto row = static_cast<index_t>(q);
    const std::string& question = options.questions[q];
    const std::vector<Given> best = best_answers(answerer, answer.logits, row, options.top);
    if (options.json) {
      io::Json list = io::Json::array();
      for (const Given& each : best) list.push_back({{"answer", each.answer}, {"probability", each.probability}});
      std::printf("%s\n", io::Json{{"image", options.image}, {"question", question}, {"answers", list}}
                              .dump(-1, ' ', false, io::Json::error_handler_t::replace)
                              .c_str());
    } else {
      for (const Given& each : best)
        std::printf("%s\t%s\t%.4f\n", app::one_line(question).c_str(), each.answer.c_str(), each.probability);
    }
    if (!html) continue;
    app::SheetItem item{.name = question,
                        .image = app::sheet_image(seen_part(picture, !looks || answerer.reads_pictures()))};
    for (const Given& each : best) item.captions.push_back({each.answer, app::score_text("p", each.probability)});
    if (answer.words.defined()) {
      const text::Tokens words = data::question_words(question);
      const index_t steps = answer.words.size(1), places = answer.words.size(2);
      for (std::size_t t = 0; t < words.size(); ++t)
        item.heat.push_back(
            heat(words[t], answer.words.data() + (row * steps + static_cast<index_t>(t)) * places, places));
    }
    if (answer.last.defined())
      item.heat.push_back(heat("then", answer.last.data() + row * answer.last.size(1), answer.last.size(1)));
    sheet.items.push_back(std::move(item));
  }
  if (html) {
    html->write(app::html_sheet(sheet));
    html->commit();
  }
  return 0;
}

}  // namespace limn::vqa

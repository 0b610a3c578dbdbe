#include "vqa/evaluate.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include <limn/metrics/vqa_accuracy.hpp>
#include <limn/ops/reduce.hpp>
#include <limn/ops/softmax.hpp>

#include "captioner/features.hpp"
#include "shared/errors.hpp"
#include "shared/html_sheet.hpp"
#include "shared/progress.hpp"
#include "shared/sheet_image.hpp"
#include "vqa/default_checkpoint.hpp"
#include "vqa/source.hpp"

namespace limn::vqa {
namespace {

struct Score {
  double right = 0;
  index_t questions = 0;
  void add(double accuracy) {
    right += accuracy;
    ++questions;
  }
  [[nodiscard]] double accuracy() const { return questions ? right / static_cast<double>(questions) : 0; }
};

void check_features(const std::string& path, const Answerer& answerer) {
  if (path.empty()) return;
  if (answerer.reads_pictures() || answerer.architecture().encoder == "none")
    fail("--features", "this answerer reads no features; leave --features out");
  const captioner::FeatureFile file(path);
  if (file.encoder() != answerer.architecture().encoder)
    fail(path, "holds features of the encoder ", io::in_quotes(file.encoder()),
         " but the answerer was trained on those of ", io::in_quotes(answerer.architecture().encoder),
         "; compute them with 'vqa features --encoder ", answerer.architecture().encoder, "'");
  if (!file.has_grid() || file.channels() != answerer.architecture().model.features)
    fail(path, "has no grid of ", answerer.architecture().model.features,
         " numbers a place; make it again with 'vqa features'");
}

void print_table(const char* title, const std::map<std::string, Score>& scores) {
  std::printf("%-24s  accuracy  questions\n", title);
  for (const auto& [type, score] : scores)
    std::printf("%-24s  %8.4f  %9lld\n", type.c_str(), score.accuracy(), static_cast<long long>(score.questions));
}

io::Json accuracies(const std::map<std::string, Score>& scores) {
  io::Json json = io::Json::object();
  for (const auto& [type, score] : scores) json[type] = score.accuracy();
  return json;
}

app::SheetItem card(const Source& source, index_t image, const Question& asked, const std::string& said, float p) {
  const bool right = metrics::vqa_accuracy(said, asked.answers) > 0;
  return {.name = source.name(image),
          .image = app::sheet_image(source.picture(image), 320),
          .captions = {{asked.text + " " + said,
                        app::score_text("p", static_cast<double>(p)) + (right ? ", right" : ", wrong")}},
          .references = asked.answers};
}

}  // namespace

int evaluate(const EvaluateOptions& options) {
  NoGradGuard no_grad;
  const std::string checkpoint = options.checkpoint.empty() ? default_checkpoint() : options.checkpoint;
  const Answerer answerer = Answerer::load(checkpoint);
  check_features(options.features, answerer);
  std::optional<io::AtomicFile> html;  // opened before the work: a sheet that cannot be written is known at once
  if (!options.html.empty()) html.emplace(options.html);
  const bool frozen = !answerer.reads_pictures() && answerer.architecture().encoder != "none";
  std::unique_ptr<captioner::Encoder> encoder;
  if (frozen && options.features.empty())
    encoder = captioner::find_encoder(answerer.architecture().encoder, answerer.encoder_weights(), checkpoint,
                                      options.weights);
  if (encoder) encoder->prepack();
  const auto source = make_source({.data = options.data,
                                   .split = options.split,
                                   .features = options.features,
                                   .seed = options.seed,
                                   .limit = options.limit,
                                   .picture = answerer.architecture().own.picture,
                                   .looks = answerer.architecture().encoder != "none",
                                   .encoder = encoder.get()});
  const std::vector<index_t> shown =
      html ? app::sample(source->images(), options.html_images, options.seed) : std::vector<index_t>{};
  Generator draw(options.seed);  // of the question that the sheet shows of an image
  app::Sheet sheet;
  Score all;
  std::map<std::string, Score> by_question, by_answer;
  index_t beyond = 0, unknown = 0;
  app::watch_signals();
  app::Progress progress("images", source->images(), options.quiet);
  const index_t chunk = frozen && options.features.empty() ? 8 : 32;
  for (index_t first = 0; first < source->images(); first += chunk) {
    if (app::stop_requested()) return app::stopped_status();
    std::vector<index_t> images, owners;
    std::vector<std::vector<index_t>> encoded;
    std::vector<Question> asked;
    std::vector<std::size_t> on_sheet;  // of the questions asked
    for (index_t i = first; i < std::min(first + chunk, source->images()); ++i) {
      std::vector<Question> questions = source->questions(0, i);
      if (!questions.empty() && std::binary_search(shown.begin(), shown.end(), i))
        on_sheet.push_back(asked.size() + static_cast<std::size_t>(draw.below(static_cast<index_t>(questions.size()))));
      for (Question& q : questions) {
        const auto ids = answerer.encode(q.text);
        unknown += ids.known == 0 ? 1 : 0;
        encoded.push_back(ids.ids);
        owners.push_back(static_cast<index_t>(images.size()));
        asked.push_back(std::move(q));
      }
      images.push_back(i);
    }
    if (!asked.empty()) {
      const Tensor<float> logits =
          answerer(source->input(0, images), models::QuestionBatch::of(encoded, owners, text::Vocabulary::pad)).logits;
      const Tensor<std::int64_t> best = argmax(logits, 1);
      for (const std::size_t q : on_sheet) {
        const auto row = static_cast<index_t>(q);
        const index_t said = best.data()[row], image = images[static_cast<std::size_t>(owners[q])];
        sheet.items.push_back(card(*source, image, asked[q], answerer.answers()[static_cast<std::size_t>(said)],
                                   softmax(narrow(logits, 0, row, 1)).data()[said]));
      }
      for (std::size_t q = 0; q < asked.size(); ++q) {
        const std::string& said = answerer.answers()[static_cast<std::size_t>(best.data()[static_cast<index_t>(q)])];
        const double accuracy = metrics::vqa_accuracy(said, asked[q].answers);
        beyond += answerer.answer_id(asked[q].answer) < 0 ? 1 : 0;
        all.add(accuracy);
        by_question[asked[q].type].add(accuracy);
        by_answer[asked[q].answer_type].add(accuracy);
      }
    }
    progress.advance(static_cast<index_t>(images.size()));
  }
  progress.finish();
  if (html) {
    sheet.title = std::to_string(sheet.items.size()) + " images of the split " + options.split;
    sheet.references_title = "answer";
    sheet.subtitle = "drawn at random, with a question of each, answered by limn";
    html->write(app::html_sheet(sheet));
    html->commit();
  }
  if (beyond > 0)
    std::fprintf(stderr,
                 "vqa: note: %lld of %lld questions have answers that this model cannot give; they count as wrong\n",
                 static_cast<long long>(beyond), static_cast<long long>(all.questions));
  if (unknown > 0)
    std::fprintf(stderr, "vqa: note: %lld questions have no word that this model knows\n",
                 static_cast<long long>(unknown));
  if (options.json) {
    std::printf("%s\n", io::dump_json({{"accuracy", all.accuracy()},
                                       {"questions", all.questions},
                                       {"images", source->images()},
                                       {"question_types", accuracies(by_question)},
                                       {"answer_types", accuracies(by_answer)}})
                            .c_str());
    return 0;
  }
  print_table("question type", by_question);
  print_table("answer type", by_answer);
  std::printf("%-24s  %8.4f  %9lld\n", "all", all.accuracy(), static_cast<long long>(all.questions));
  return 0;
}

}  // namespace limn::vqa

// vqa: features, train, eval and ask.
#include <limn/data/vqa.hpp>

#include "captioner/features.hpp"
#include "shared/command_line.hpp"
#include "shared/errors.hpp"
#include "vqa/answerer.hpp"
#include "vqa/ask.hpp"
#include "vqa/evaluate.hpp"
#include "vqa/training.hpp"

using namespace limn;

int main(int argc, char** argv) {
  return app::run_main("vqa", [&]() -> int {
    CLI::App program{"Answers questions about pictures."};
    program.require_subcommand(1);
    int status = 0;

    captioner::FeatureOptions f;
    f.grid = true;
    std::uint64_t held_out = 1;
    CLI::App* features =
        program.add_subcommand("features", "Compute an encoder's grids of a dataset's images, resumably");
    features->add_option("--encoder", f.encoder, "mobilenet, resnet50, squeezenet, vgg16, ...; several joined with +")
        ->capture_default_str();
    features->add_option("--weights", f.weights, "weights file of each encoder, in order")->required();
    features->add_option("--data", f.data, "folder of easy-VQA, DAQUAR or VQA v2")->required();
    features->add_option("--out", f.out, "features file to write (.safetensors)")->required();
    features->add_option("--split", f.splits, "splits to compute")->capture_default_str();
    features->add_option("--batch", f.batch, "images at once")->capture_default_str()->check(CLI::PositiveNumber);
    features->add_flag("--quiet", f.quiet, "no progress");
    app::add_device_option(features, f.device);
    features->callback([&] {
      std::vector<captioner::View> views;
      for (const std::string& split : f.splits)
        for (const data::VqaImage& image : data::read_vqa(f.data, {.split = split, .seed = held_out}).images)
          views.push_back({image.name, image.path, {}});
      status = captioner::write_features(f, views, "vqa");
    });

    vqa::TrainOptions t;
    t.run.program = "vqa";
    t.run.lr = 2e-3;
    CLI::App* train = program.add_subcommand(
        "train", "Train an answerer; --resume goes on exactly where a stopped or killed run was");
    train->add_option("--data", t.data, "folder of easy-VQA, DAQUAR or VQA v2, or: scenes")->required();
    train->add_option("--features", t.features,
                      "features file with grids ('vqa features'); without it a CNN is trained from pixels");
    train->add_option("--question", t.question, "lstm, bag (of words), or none: the image alone")
        ->capture_default_str()
        ->check(CLI::IsMember({"lstm", "bag", "none"}));
    train->add_option("--image", t.image, "attention, pooled (the grid's mean), or none: the question alone")
        ->capture_default_str()
        ->check(CLI::IsMember({"attention", "pooled", "none"}));
    train->add_option("--questions", t.questions, "at most so many questions of an image a step (0: all)")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    train->add_option("--limit", t.limit, "training images an epoch (0: all; scenes: 20000)")
        ->check(CLI::NonNegativeNumber);
    train->add_option("--validation", t.validation, "validation images (0: all; scenes: 500)")
        ->check(CLI::NonNegativeNumber);
    train->add_option("--units", t.units, "width of the layers")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--embedding", t.embedding, "width of a word")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--heads", t.heads, "looks at once")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--picture", t.picture, "side of the pictures that the CNN reads")
        ->capture_default_str()
        ->check(CLI::Range(16, 4096));
    train->add_option("--shift", t.shift, "move training pictures by up to so many pixels (not scenes)")
        ->capture_default_str()
        ->check(CLI::Range(0, 64));
    train->add_option("--min-count", t.min_count, "words seen less often are unknown")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--answers", t.most_answers, "learn the most frequent answers only")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--types", t.types, "train on questions of these types alone (as 'vqa eval' names them)")
        ->delimiter(',');
    train
        ->add_option("--focal", t.focal,
                     "a question answered with probability p counts (1 - p)^FOCAL: the hard ones more")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 10.0));
    train->add_option("--init", t.init, "checkpoint to start from: model, widths, words and answers are its own");
    train->add_option("--dropout", t.dropout)->capture_default_str()->check(CLI::Range(0.0, 0.95));
    app::add_run_options(train, t.run, "of weights, order, dropout, scenes and the held-out tenth",
                         "a better accuracy");
    train->callback([&] { status = vqa::train(t); });

    vqa::EvaluateOptions e;
    CLI::App* evaluate = program.add_subcommand("eval", "The accuracy of a split, by question and answer type");
    evaluate->add_option("--data", e.data, "folder of easy-VQA, DAQUAR or VQA v2, or: scenes")->required();
    evaluate->add_option("--split", e.split, "train, dev or test")->capture_default_str();
    evaluate->add_option("--checkpoint", e.checkpoint,
                         "answerer to use (default: the one that comes with the program)");
    evaluate->add_option("--weights", e.weights,
                         "weights file of each encoder, in order (default: those named in training)");
    evaluate->add_option("--features", e.features,
                         "features file of the dataset; without it they are computed from the images");
    evaluate->add_option("--limit", e.limit, "at most so many images (0: all; scenes: 1000)")
        ->check(CLI::NonNegativeNumber);
    evaluate->add_option("--seed", e.seed, "of the held-out tenth; as in training")->capture_default_str();
    evaluate->add_flag("--json", e.json, "one line of JSON: accuracy, questions, and the accuracy of every type");
    evaluate->add_option("--html", e.html,
                         "HTML sheet to write: random images, with a question of each and its answer");
    evaluate->add_option("--html-images", e.html_images, "how many, drawn by --seed")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    evaluate->add_flag("--quiet", e.quiet, "no progress");
    evaluate->callback([&] { status = vqa::evaluate(e); });

    vqa::AskOptions a;
    CLI::App* ask = program.add_subcommand("ask",
                                           "Answer questions about an image. Prints a line for each: question, answer "
                                           "and its probability, with tabs between");
    ask->add_option("image", a.image, "image file")->required();
    ask->add_option("questions", a.questions, "one or more questions, each in quotes")->required();
    ask->add_option("--checkpoint", a.checkpoint, "answerer to use (default: the one that comes with the program)");
    ask->add_option("--weights", a.weights,
                    "weights file of an encoder, once for each, in order (default: those named in training)")
        ->allow_extra_args(false);
    ask->add_option("--top", a.top, "answers for each question, best first, a line each")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    ask->add_flag(
        "--json", a.json,
        "one line of JSON a question: {\"image\", \"question\", \"answers\": [{\"answer\", \"probability\"}]}");
    ask->add_option("--html", a.html, "HTML sheet to write: answers, and where the model looked with each word");
    ask->callback([&] { status = vqa::ask(a); });

    app::add_export<vqa::Answerer>(program);
    return app::parse(program, argc, argv, status);
  });
}

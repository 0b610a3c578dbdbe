// vqa: features, train, eval and ask.
#include <CLI/CLI.hpp>

#include "shared/errors.hpp"
#include "vqa/training.hpp"

using namespace limn;

int main(int argc, char** argv) {
  return app::run_main("vqa", [&]() -> int {
    CLI::App program{"Answers questions about pictures."};
    program.require_subcommand(1);
    int status = 0;

    vqa::TrainOptions t;
    t.run.program = "vqa";
    t.run.lr = 2e-3;
    CLI::App* train = program.add_subcommand(
        "train", "Train an answerer; --resume goes on exactly where a stopped or killed run was");
    train->add_option("--data", t.data, "folder of easy-VQA, DAQUAR or VQA v2, or: scenes")->required();
    train->add_option("--out", t.run.out, "folder of the run")->required();
    train->add_option("--features", t.features,
                      "features file with grids ('vqa features'); without it a CNN is trained from pixels");
    train->add_option("--question", t.question, "lstm, bag (of words), or none: the image alone")
        ->capture_default_str()
        ->check(CLI::IsMember({"lstm", "bag", "none"}));
    train->add_option("--image", t.image, "attention, pooled (the grid's mean), or none: the question alone")
        ->capture_default_str()
        ->check(CLI::IsMember({"attention", "pooled", "none"}));
    train->add_option("--seed", t.run.seed, "of weights, order, dropout, scenes and the held-out tenth")
        ->capture_default_str();
    train->add_option("--epochs", t.run.epochs)->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--batch", t.run.batch, "images a step")->capture_default_str()->check(CLI::PositiveNumber);
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
    train->add_option("--lr", t.run.lr, "Adam's learning rate")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--weight-decay", t.run.weight_decay, "AdamW's, where it is not 0")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    train->add_option("--dropout", t.dropout)->capture_default_str()->check(CLI::Range(0.0, 0.95));
    train->add_option("--clip", t.run.clip, "limit of the gradient's norm (0: none)")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    train->add_flag("!--constant-lr", t.run.cosine, "keep the learning rate instead of lowering it along a cosine");
    train->add_option("--patience", t.run.patience, "epochs without a better accuracy before stopping")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--save-every", t.run.save_every, "steps between saves of the run's state")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_flag("--resume", t.run.resume, "go on with the run in --out");
    train->add_flag("--quiet", t.run.quiet, "no progress");
    train->callback([&] { status = vqa::train(t); });

    try {
      program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return program.exit(error) == 0 ? 0 : 2;
    }
    return status;
  });
}

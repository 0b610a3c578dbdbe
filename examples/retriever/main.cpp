// retriever: train, eval, index, search and match.
#include <CLI/CLI.hpp>

#include "retriever/training.hpp"
#include "shared/errors.hpp"

using namespace limn;

int main(int argc, char** argv) {
  return app::run_main("retriever", [&]() -> int {
    CLI::App program{"Finds images by texts, texts by images and images by images."};
    program.require_subcommand(1);
    int status = 0;

    retriever::TrainOptions t;
    t.run.program = "retriever";
    t.run.batch = 128;
    t.run.epochs = 20;
    CLI::App* train = program.add_subcommand(
        "train", "Train a dual encoder; --resume goes on exactly where a stopped or killed run was");
    train->add_option("--data", t.data, "dataset folder (Flickr8k's files or Kaggle's captions.txt)")->required();
    train->add_option("--features", t.features, "features file of the dataset ('captioner features')")->required();
    train->add_option("--out", t.run.out, "folder of the run")->required();
    train->add_option("--split", t.split_ratio, "train/dev/test in percent, where the dataset has no lists")
        ->capture_default_str();
    train->add_option("--glove", t.glove, "folder of word vectors that the embedding starts from");
    train->add_option("--loss", t.loss, "nce (InfoNCE) or margin (hardest negatives)")
        ->capture_default_str()
        ->check(CLI::IsMember({"nce", "margin"}));
    train->add_option("--margin", t.margin, "of the margin loss")->capture_default_str()->check(CLI::Range(0.0, 2.0));
    train->add_option("--seed", t.run.seed, "of weights, order and dropout")->capture_default_str();
    train->add_option("--epochs", t.run.epochs)->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--batch", t.run.batch, "images a step")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--captions", t.captions, "captions of each image a step, drawn anew each epoch")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--chunk", t.chunk, "images in memory at once (gradient caching; 0: the whole batch)")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    train->add_option("--units", t.units, "width of the LSTM")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--embedding", t.embedding, "width of a word")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--shared", t.shared, "width of the space where images and texts meet")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--min-count", t.min_count, "words seen less often are unknown")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--limit", t.limit, "training images (0: all)")->check(CLI::NonNegativeNumber);
    train->add_option("--validation", t.validation, "validation images (0: all)")->check(CLI::NonNegativeNumber);
    train->add_option("--lr", t.run.lr, "Adam's learning rate")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--weight-decay", t.run.weight_decay, "AdamW's, where it is not 0")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    train->add_option("--dropout", t.dropout)->capture_default_str()->check(CLI::Range(0.0, 0.95));
    train->add_option("--clip", t.run.clip, "limit of the gradient's norm (0: none)")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    train->add_flag("!--constant-lr", t.run.cosine, "keep the learning rate instead of lowering it along a cosine");
    train->add_option("--patience", t.run.patience, "epochs without better recalls before stopping")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--save-every", t.run.save_every, "steps between saves of the run's state")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_flag("--resume", t.run.resume, "go on with the run in --out");
    train->add_flag("--quiet", t.run.quiet, "no progress");
    train->callback([&] { status = retriever::train(t); });

    try {
      program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return program.exit(error) == 0 ? 0 : 2;
    }
    return status;
  });
}

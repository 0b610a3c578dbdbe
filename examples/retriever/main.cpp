// retriever: train, eval, index, search and match.
#include "retriever/evaluate.hpp"
#include "retriever/search.hpp"
#include "retriever/training.hpp"
#include "shared/command_line.hpp"
#include "shared/errors.hpp"

using namespace limn;

namespace {

void add_model(CLI::App* command, retriever::ModelOptions& model) {
  command->add_option("--checkpoint", model.checkpoint, "dual encoder to use (default: $LIMN_RETRIEVER_CHECKPOINT)");
  command
      ->add_option("--weights", model.weights,
                   "weights file of an encoder, once for each, in order (default: those named in training)")
      ->allow_extra_args(false);
}

}  // namespace

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
    train->add_option("--split", t.split_ratio, "train/dev/test in percent, where the dataset has no lists")
        ->capture_default_str();
    train->add_option("--glove", t.glove, "folder of word vectors that the embedding starts from");
    train->add_option("--init", t.init, "checkpoint to start from: model, widths and words are its own");
    train->add_option("--loss", t.loss, "nce (InfoNCE) or margin (hardest negatives)")
        ->capture_default_str()
        ->check(CLI::IsMember({"nce", "margin"}));
    train->add_option("--margin", t.margin, "of the margin loss")->capture_default_str()->check(CLI::Range(0.0, 2.0));
    train->add_option("--captions", t.captions, "captions of each image a step, drawn anew each epoch")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--chunk", t.chunk, "images in memory at once (gradient caching; 0: the whole batch)")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    train->add_flag("--grid", t.grid, "read the places of the encoder's grid, not the pooled vector alone");
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
    train->add_option("--dropout", t.dropout)->capture_default_str()->check(CLI::Range(0.0, 0.95));
    app::add_run_options(train, t.run, "of weights, order and dropout", "better recalls");
    train->callback([&] { status = retriever::train(t); });

    retriever::EvaluateOptions e;
    CLI::App* evaluate = program.add_subcommand(
        "eval", "Recalls at 1, 5 and 10 and median ranks of a split, both ways, and the graph against exact search");
    evaluate->add_option("--data", e.data, "dataset folder (Flickr8k's files or Kaggle's captions.txt)")->required();
    evaluate->add_option("--split", e.split, "train, dev or test")->capture_default_str();
    evaluate->add_option("--checkpoint", e.checkpoint, "dual encoder to use (default: $LIMN_RETRIEVER_CHECKPOINT)");
    evaluate->add_option("--weights", e.weights,
                         "weights file of each encoder, in order (default: those named in training)");
    evaluate->add_option("--features", e.features,
                         "features file of the dataset; without it they are computed from the images");
    evaluate->add_option("--limit", e.limit, "images of the gallery, the first of the split (0: all)")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    evaluate
        ->add_option("--ratio", e.split_ratio,
                     "train/dev/test in percent, where the dataset has no lists; as in training")
        ->capture_default_str();
    evaluate->add_option("--seed", e.seed, "of that split; as in training")->capture_default_str();
    evaluate->add_flag("--json", e.json, "one line of JSON, recalls as fractions of 1");
    evaluate->add_option("--html", e.html, "HTML sheet to write: random images, with the texts found for them");
    evaluate->add_option("--html-images", e.html_images, "how many, drawn by --seed")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    evaluate->add_flag("--quiet", e.quiet, "no progress");
    evaluate->callback([&] { status = retriever::evaluate(e); });

    retriever::IndexOptions x;
    CLI::App* index = program.add_subcommand(
        "index", "Make a gallery of a folder's images, or extend one by the images that it does not hold yet");
    index->add_option("source", x.source, "folder of images, an image, or a text file with a text a line")->required();
    index->add_option("-o,--out", x.out, "gallery to write or extend")->required();
    add_model(index, x.model);
    index->add_flag("--quiet", x.quiet, "no progress");
    index->callback([&] { status = retriever::index_folder(x); });

    retriever::SearchOptions q;
    CLI::App* search = program.add_subcommand(
        "search",
        "Search a gallery by a text or an image. Prints a line for each: rank, similarity and name, with tabs between");
    search->add_option("query", q.query, "image file, or a text in quotes")->required();
    search->add_option("-g,--gallery", q.gallery, "gallery to search")->capture_default_str();
    add_model(search, q.model);
    search->add_option("--top", q.top, "how many to find")->capture_default_str()->check(CLI::Range(1, 10000));
    search->add_flag("--exact", q.exact, "compare with every item instead of walking the graph");
    search->add_flag("--json", q.json, "one line of JSON: {\"query\", \"results\": [{\"name\", \"similarity\"}]}");
    search->add_option("--html", q.html, "HTML sheet to write");
    search->callback([&] { status = retriever::search(q); });

    retriever::MatchOptions m;
    CLI::App* match = program.add_subcommand(
        "match", "Does the text belong to the image? Prints their similarity and a probability (one pair in two does)");
    match->add_option("image", m.image, "image file")->required();
    match->add_option("text", m.text, "text in quotes")->required();
    add_model(match, m.model);
    match->add_flag("--json", m.json, "one line of JSON: {\"image\", \"text\", \"similarity\", \"probability\"}");
    match->callback([&] { status = retriever::match(m); });

    app::add_export<retriever::Matcher>(program);
    return app::parse(program, argc, argv, status);
  });
}

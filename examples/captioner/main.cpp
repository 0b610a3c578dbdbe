// captioner: features, distill, train, eval, caption and export.
#include "captioner/caption.hpp"
#include "captioner/captioner.hpp"
#include "captioner/distill.hpp"
#include "captioner/encoder.hpp"
#include "captioner/evaluate.hpp"
#include "captioner/features.hpp"
#include "captioner/training.hpp"
#include "shared/command_line.hpp"
#include "shared/errors.hpp"

using namespace limn;

namespace {

void add_grey_option(CLI::App* command, double& share) {
  command->add_option("--grey", share, "share of the cuts of pictures that are turned grey")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
}

void add_search_options(CLI::App* command, captioner::Search& search) {
  command
      ->add_option("--length-exponent", search.length_exponent, "captions are ranked by log-probability / length^this")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10.0));
  command
      ->add_option("--no-repeat", search.no_repeat,
                   "no run of so many words is said twice (0: any may be; default: as the checkpoint says)")
      ->check(CLI::Range(0, 100));
  command->add_option("--min-length", search.shortest, "words of the shortest caption")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  command->add_option("--max-length", search.longest, "words of the longest caption")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
}

}  // namespace

int main(int argc, char** argv) {
  return app::run_main("captioner", [&]() -> int {
    CLI::App program{"Trains and runs image captioners."};
    program.require_subcommand(1);
    int status = 0;

    captioner::FeatureOptions f;
    CLI::App* features =
        program.add_subcommand("features", "Compute an encoder's features of a dataset's images, resumably");
    features->add_option("--encoder", f.encoder, "mobilenet, resnet50, squeezenet, vgg16, ...; several joined with +")
        ->capture_default_str();
    features->add_option("--weights", f.weights, "weights file of each encoder, in order")->required();
    features->add_option("--data", f.data, "dataset folder")->required();
    features->add_option("--out", f.out, "features file to write (.safetensors)")->required();
    features->add_option("--split", f.splits, "splits to compute")->capture_default_str();
    features->add_flag("--grid", f.grid, "store the 7x7 grid as well (attention captioner)");
    features->add_option("--also", f.also, "folders of photographs beside the dataset's, without captions");
    features->add_option("--parts", f.parts, "random parts of each training photograph, as photographs of their own")
        ->check(CLI::NonNegativeNumber);
    features->add_option("--batch", f.batch, "images at once")->capture_default_str()->check(CLI::PositiveNumber);
    features->add_option("--limit", f.limit, "at most so many photographs of each split or folder")
        ->check(CLI::NonNegativeNumber);
    features->add_flag("--quiet", f.quiet, "no progress");
    app::add_device_option(features, f.device);
    features->callback([&] { status = captioner::compute_features(f); });

    captioner::DistillOptions d;
    d.run.program = "captioner";
    d.run.epochs = 20;
    CLI::App* distill = program.add_subcommand(
        "distill", "Train a small VGG-shaped encoder from nothing to see what a larger encoder sees");
    distill->add_option("--data", d.data, "dataset folder")->required();
    distill->add_option("--features", d.features, "features file of the dataset, with grids: what the encoder saw");
    distill->add_option("--encoder", d.encoder,
                        "without --features: the encoder that looks at every cut itself, as for 'captioner features'");
    distill->add_option("--also", d.also, "folders of photographs besides, which a features file has to have, too");
    distill->add_option("--init", d.init, "checkpoint of an earlier distilling to start from");
    distill->add_option("--picture", d.picture, "side of the pictures that the network is to read, a multiple of 16")
        ->capture_default_str()
        ->check(CLI::Range(32, 512));
    distill->add_option("--limit", d.limit, "at most so many photographs of each split or folder")
        ->check(CLI::NonNegativeNumber);
    distill->add_option("--pooled-weight", d.pooled_weight, "how much the mean over places counts beside the places")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    distill->add_option("--weights", d.weights,
                        "the encoder's weights, as for 'captioner features': its classes are learned too");
    distill->add_option("--class-weight", d.class_weight, "how much its classes count beside the places")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    distill->add_option("--cuts", d.cuts, "cuts of every picture an epoch")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    distill->add_option("--mixup", d.mixup, "share of the batches in which each picture is mixed with another")
        ->capture_default_str()
        ->check(CLI::Range(0.0, 1.0));
    add_grey_option(distill, d.grey);
    app::add_run_options(distill, d.run, "of weights, order and cuts", "a better explained teacher");
    distill->callback([&] { status = captioner::distill(d); });

    captioner::TrainOptions t;
    t.run.program = "captioner";
    t.run.epochs = 20;
    t.run.batch = 8;
    t.run.lr = 1.5e-3;
    CLI::App* train = program.add_subcommand(
        "train", "Train a captioner; --resume goes on exactly where a stopped or killed run was");
    train->add_option("--data", t.data, "dataset folder (Flickr8k's files or Kaggle's captions.txt), or: scenes")
        ->required();
    train->add_option("--features", t.features, "features file of the dataset");
    train->add_option("--encoder", t.encoder,
                      "checkpoint of 'captioner distill': the captioner reads pictures with it, and trains it too");
    train->add_flag("--freeze-encoder", t.freeze_encoder, "leave the captioner's own network as it is");
    train->add_option("--model", t.model, "merge-add, merge-concat or attention")
        ->capture_default_str()
        ->check(CLI::IsMember({"merge-add", "merge-concat", "attention"}));
    train->add_option("--split", t.split_ratio, "train/dev/test in percent, where the dataset has no lists")
        ->capture_default_str();
    train->add_option("--limit", t.limit, "training images an epoch (0: all; scenes: 20000)")
        ->check(CLI::NonNegativeNumber);
    train->add_option("--validation", t.validation, "validation images (0: all; scenes: 500)")
        ->check(CLI::NonNegativeNumber);
    train->add_option("--units", t.units, "width of the layers")->capture_default_str()->check(CLI::PositiveNumber);
    train->add_option("--embedding", t.embedding, "width of the attention model's embedding")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--min-count", t.min_count, "words seen less often are unknown")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    train->add_option("--dropout", t.dropout)->capture_default_str()->check(CLI::Range(0.0, 0.95));
    train->add_option("--label-smoothing", t.label_smoothing)->capture_default_str()->check(CLI::Range(0.0, 0.9));
    add_grey_option(train, t.grey);
    train->add_option("--init", t.init, "checkpoint to start from: model, widths and words are its own");
    train->add_flag("--self-critical", t.self_critical,
                    "train on the reward (CIDEr-D) of sampled captions; start from a trained model with --init");
    train->add_option("--samples", t.samples, "self-critical: sampled captions an image")
        ->capture_default_str()
        ->check(CLI::Range(2, 100));
    train->add_option("--bleu-reward", t.bleu_reward, "self-critical: how much BLEU counts beside CIDEr-D")
        ->capture_default_str()
        ->check(CLI::NonNegativeNumber);
    app::add_run_options(train, t.run, "of weights, order, dropout and scenes",
                         "a lower validation loss or, self-critical, a higher CIDEr-D");
    train->callback([&] {
      if (t.data == "scenes") {  // what the committed checkpoint was trained with, where nothing else is asked for
        const auto unless_given = [&](const char* option, auto& value, auto usual) {
          if (train->count(option) == 0) value = usual;
        };
        unless_given("--model", t.model, "attention");
        unless_given("--units", t.units, 192);
        unless_given("--embedding", t.embedding, 128);
        unless_given("--batch", t.run.batch, 32);
        unless_given("--epochs", t.run.epochs, 6);
        unless_given("--lr", t.run.lr, 3e-3);
        unless_given("--dropout", t.dropout, 0.1);
        unless_given("--min-count", t.min_count, 1);
      }
      status = captioner::train(t);
    });

    captioner::EvaluateOptions e;
    CLI::App* evaluate = program.add_subcommand(
        "eval", "Caption a split by beam search and score it: BLEU-1..4, ROUGE-L, CIDEr-D, METEOR (exact + stem)");
    evaluate->add_option("--data", e.data, "dataset folder (Flickr8k's files or Kaggle's captions.txt), or: scenes")
        ->required();
    evaluate->add_option("--split", e.split, "train, dev or test")->capture_default_str();
    evaluate->add_option("--checkpoint", e.checkpoint,
                         "captioner to use: a checkpoint, a run's folder, or what comes with the program: photographs "
                         "(the default) or scenes");
    evaluate->add_option("--weights", e.weights,
                         "weights file of each encoder, in order (default: those named in training)");
    evaluate->add_option("--features", e.features,
                         "features file of the dataset; without it they are computed from the images");
    evaluate->add_option("--beam", e.beams, "width of the search; several with commas, each scored (1: greedy)")
        ->delimiter(',')
        ->capture_default_str()
        ->check(CLI::Range(1, 100));
    add_search_options(evaluate, e.search);
    evaluate->add_option("--limit", e.limit, "at most so many images (0: all; scenes: 1000)")
        ->check(CLI::NonNegativeNumber);
    evaluate
        ->add_option("--ratio", e.split_ratio,
                     "train/dev/test in percent, where the dataset has no lists; as in training")
        ->capture_default_str();
    evaluate->add_option("--seed", e.seed, "of that split; as in training")->capture_default_str();
    evaluate->add_flag("--seed-protocol", e.seed_protocol,
                       "also BLEU against references that keep startseq and endseq, as the Keras project computed it");
    evaluate->add_flag(
        "--json", e.json,
        "one line of JSON for each beam, all but CIDEr-D (0 to 10, as in the COCO evaluation) as fractions of 1");
    evaluate->add_option("--html", e.html,
                         "HTML sheet to write: random images, what was said of them and what people wrote");
    evaluate->add_option("--html-images", e.html_images, "how many, drawn by --seed")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    evaluate->add_flag("--quiet", e.quiet, "no progress");
    evaluate->callback([&] { status = captioner::evaluate(e); });

    captioner::CaptionOptions c;
    CLI::App* caption = program.add_subcommand(
        "caption",
        "Caption images. Prints a line for each: its name, the caption and its log-probability, with tabs between");
    caption
        ->add_option("images", c.inputs,
                     "image files, folders of images, or - for standard input: one image, or paths one a line")
        ->required();
    caption->add_option("--checkpoint", c.checkpoint,
                        "captioner to use: a checkpoint, a run's folder, or what comes with the program: photographs "
                        "(the default) or scenes");
    caption->add_option("--weights", c.weights,
                        "weights file of each encoder, in order (default: those named in training)");
    caption->add_option("--beam", c.beam, "width of the search (1: greedy)")
        ->capture_default_str()
        ->check(CLI::Range(1, 100));
    caption->add_option("--nbest", c.nbest, "captions for each image, best first, a line each; at most --beam")
        ->capture_default_str()
        ->check(CLI::Range(1, 100));
    add_search_options(caption, c.search);
    caption->add_option("--limit", c.limit, "at most so many images (0: all)")->check(CLI::NonNegativeNumber);
    caption->add_flag(
        "--json", c.json,
        "one line of JSON for each image: {\"image\", \"captions\": [{\"caption\", \"log_probability\"}]}");
    caption->add_option("--html", c.html,
                        "HTML sheet to write: images, captions, and where an attention captioner looked");
    caption->callback([&] { status = captioner::caption(c); });

    std::string familiar;
    std::optional<index_t> no_repeat, picture;
    CLI::App* exporting = app::add_export<captioner::Captioner>(
        program, [&](captioner::Captioner& captioner, const std::string& checkpoint) {
          if (no_repeat) captioner.set_no_repeat(*no_repeat);
          if (picture) captioner.set_picture(*picture, captioner.architecture().own.squeezed);
          if (!familiar.empty()) captioner.set_familiarity(familiar_with(captioner, checkpoint, familiar));
        });
    exporting->add_option(
        "--familiar", familiar,
        "dataset folder it learned from: 'captioner caption' then says which photographs are unlike these");
    exporting
        ->add_option("--picture", picture,
                     "side of the square that its own network is to read: trained from cuts, it may "
                     "see better in larger ones than it was trained for")
        ->check(CLI::Range(16, 4096));
    exporting->add_option("--no-repeat", no_repeat, "no run of so many words is to be said twice (0: any may be)")
        ->check(CLI::Range(0, 100));
    return app::parse(program, argc, argv, status);
  });
}

// captioner: features, train, eval and caption.
#include <CLI/CLI.hpp>

#include "captioner/encoder.hpp"
#include "captioner/features.hpp"
#include "shared/errors.hpp"

using namespace limn;

int main(int argc, char** argv) {
  return app::run_main("captioner", [&]() -> int {
    CLI::App program{"Trains and runs image captioners."};
    program.require_subcommand(1);
    int status = 0;

    captioner::FeatureOptions f;
    CLI::App* features = program.add_subcommand("features", "Compute an encoder's features of a dataset's images, resumably");
    features->add_option("--encoder", f.encoder, "mobilenet, resnet50, squeezenet, vgg16, ...; several joined with +")->capture_default_str();
    features->add_option("--weights", f.weights, "weights file of each encoder, in order")->required();
    features->add_option("--data", f.data, "dataset folder")->required();
    features->add_option("--out", f.out, "features file to write (.safetensors)")->required();
    features->add_option("--split", f.splits, "splits to compute")->capture_default_str();
    features->add_flag("--grid", f.grid, "store the 7x7 grid as well (attention captioner)");
    features->add_option("--batch", f.batch, "images at once")->capture_default_str()->check(CLI::PositiveNumber);
    features->add_option("--limit", f.limit, "at most so many images of each split")->check(CLI::NonNegativeNumber);
    features->add_flag("--quiet", f.quiet, "no progress");
    features->callback([&] { status = captioner::compute_features(f); });

    try {
      program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return program.exit(error) == 0 ? 0 : 2;
    }
    return status;
  });
}

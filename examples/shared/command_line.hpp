#pragma once
// What the programs' command lines share: the options of a training run, the command export, and how parsing
// ends.

#include <memory>

#include <CLI/CLI.hpp>

#include "shared/model_file.hpp"
#include "shared/training.hpp"

namespace limn::app {

/// --device: cpu, cuda or cuda:N; --tf32.
inline void add_device_option(CLI::App* command, Device& device) {
  command->add_option_function<std::string>(
      "--device",
      [&device](const std::string& name) {
        int gpu = 0;
        char rest = 0;
        if (name == "cpu") return void(device = cpu_device);
        if (name != "cuda" && std::sscanf(name.c_str(), "cuda:%d%c", &gpu, &rest) != 1)
          fail("--device", "there is no device '", name, "'; name cpu, cuda or cuda:N");
        const int count = kernels::cuda_device_count();
        if (gpu < 0 || gpu >= count)
          fail("--device", "there is no ", name, ": this build finds ", count,
               " GPUs here; build with -DLIMN_CUDA=ON, or leave the option out");
        device = cuda_device(gpu);
      },
      "where to compute: cpu (the default), cuda or cuda:N");
  command->add_flag_function(
      "--tf32", [](std::int64_t) { kernels::cuda_allow_tf32(true); },
      "let a GPU round what it multiplies to TF32's 10 bits: faster");
}

/// --out --seed --epochs --batch --lr --weight-decay --clip --constant-lr --patience --save-every --resume --quiet
/// --device --tf32.
/// `seed_of` says what the seed decides, `better` what an epoch must be not to count against the patience.
inline void add_run_options(CLI::App* command, TrainingOptions& run, const std::string& seed_of,
                            const std::string& better) {
  command->add_option("--out", run.out, "folder of the run")->required();
  command->add_option("--seed", run.seed, seed_of)->capture_default_str();
  command->add_option("--epochs", run.epochs)->capture_default_str()->check(CLI::PositiveNumber);
  command->add_option("--batch", run.batch, "images a step")->capture_default_str()->check(CLI::PositiveNumber);
  command->add_option("--lr", run.lr, "Adam's learning rate")->capture_default_str()->check(CLI::PositiveNumber);
  command->add_option("--weight-decay", run.weight_decay, "AdamW's, where it is not 0")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--clip", run.clip, "limit of the gradient's norm (0: none)")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_flag("!--constant-lr", run.cosine, "keep the learning rate instead of lowering it along a cosine");
  command->add_option("--patience", run.patience, "epochs without " + better + " before stopping")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--save-every", run.save_every, "steps between saves of the run's state")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--resume", run.resume, "go on with the run in --out");
  command->add_flag("--quiet", run.quiet, "no progress");
  add_device_option(command, run.device);
}

/// The command `export`: Model::load(checkpoint), averaged with another where one is named, finish(model, checkpoint),
/// then save(path, encoder_weights(), half).
template <class Model, class Finish = decltype([](Model&, const std::string&) {})>
CLI::App* add_export(CLI::App& program, Finish finish = {}) {
  struct Options {
    std::string from, to, other;
    double share = 0.5;
    bool half = false;
  };
  const auto o = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("export", "Write the model of a checkpoint alone, without what training needs");
  command->add_option("--checkpoint", o->from, "checkpoint or run folder to read")->required();
  command->add_option("--out", o->to, "checkpoint to write (.safetensors)")->required();
  CLI::Option* with = command->add_option(
      "--average", o->other, "checkpoint that training began like this one: write a model between the two");
  command->add_option("--share", o->share, "share of --average's numbers")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->needs(with);
  command->add_flag("--half", o->half, "store two-byte floats: half the size");
  command->callback([o, finish] {
    Model model = Model::load(o->from);
    if (!o->other.empty()) average(model.tensors(), o->from, o->other, o->share);
    finish(model, o->from);
    model.save(o->to, model.encoder_weights(), o->half);
  });
  return command;
}

/// Parses, which runs the chosen command's callback; returns `status`, or 2 for a command line that is wrong.
inline int parse(CLI::App& program, int argc, char** argv, const int& status) {
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  return status;
}

}  // namespace limn::app

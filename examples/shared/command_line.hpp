#pragma once
// What the programs' command lines share: the options of a training run, and how parsing ends.

#include <CLI/CLI.hpp>

#include "shared/training.hpp"

namespace limn::app {

/// --out --seed --epochs --batch --lr --weight-decay --clip --constant-lr --patience --save-every --resume --quiet.
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

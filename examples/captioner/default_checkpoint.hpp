#pragma once
// The checkpoints that come with the program: a captioner of photographs, and one of the procedural world.

#include "shared/default_checkpoint.hpp"

namespace limn::captioner {

/// The checkpoint file that `given` means: a path; "photographs" or "scenes", those that come with the program; or
/// nothing, which stands for `usual`, one of these two names.
[[nodiscard]] inline std::string checkpoint_named(const std::string& given, const std::string& usual) {
  const std::string name = given.empty() ? usual : given;
  std::error_code ignored;
  if ((name != "photographs" && name != "scenes") || std::filesystem::exists(name, ignored)) return name;
#ifdef LIMN_CAPTIONER_FOLDER
  const std::string source = LIMN_CAPTIONER_FOLDER "/" + name + ".safetensors";
#else
  const std::string source;
#endif
  const std::string file = name + ".safetensors";
  return app::find_checkpoint({given.empty() ? "LIMN_CAPTIONER_CHECKPOINT" : nullptr, file.c_str(),
                               source.empty() ? nullptr : source.c_str(),
                               "name a checkpoint, or train one with 'captioner train'"});
}

}  // namespace limn::captioner

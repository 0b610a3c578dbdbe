#pragma once
// The checkpoint that comes with the program: a captioner of the procedural world.

#include "shared/default_checkpoint.hpp"

namespace limn::captioner {

[[nodiscard]] inline std::string default_checkpoint() {
#ifdef LIMN_CAPTIONER_DEFAULT
  constexpr const char* source = LIMN_CAPTIONER_DEFAULT;
#else
  constexpr const char* source = nullptr;
#endif
  return app::find_checkpoint({"LIMN_CAPTIONER_CHECKPOINT", "scenes.safetensors", source,
                               "name a checkpoint, or train one with 'captioner train --data scenes'"});
}

}  // namespace limn::captioner

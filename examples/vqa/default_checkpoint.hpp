#pragma once
// The checkpoint that comes with the program: an answerer of the procedural world.

#include "shared/default_checkpoint.hpp"

namespace limn::vqa {

[[nodiscard]] inline std::string default_checkpoint() {
  return app::find_checkpoint({"LIMN_VQA_CHECKPOINT", "vqa_scenes.safetensors", LIMN_VQA_DEFAULT,
                               "name a checkpoint, or train one with 'vqa train --data scenes'"});
}

}  // namespace limn::vqa

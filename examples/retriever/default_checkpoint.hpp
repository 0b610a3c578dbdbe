#pragma once
// The checkpoint that comes with the program: a dual encoder of photographs with an image encoder of its own.

#include "shared/default_checkpoint.hpp"

namespace limn::retriever {

[[nodiscard]] inline std::string default_checkpoint() {
  return app::find_checkpoint({"LIMN_RETRIEVER_CHECKPOINT", "retriever.safetensors", LIMN_RETRIEVER_DEFAULT,
                               "name a checkpoint, or train one with 'retriever train'"});
}

}  // namespace limn::retriever

#pragma once
// The checkpoint that comes with the program: a captioner of the procedural world.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <limn_kernels/error.hpp>

namespace limn::captioner {

/// Where `scenes.safetensors` is: as LIMN_CAPTIONER_CHECKPOINT says, beside the program, where `cmake --install` puts
/// it, or in the source tree that the program was built from.
[[nodiscard]] inline std::string default_checkpoint() {
  if (const char* named = std::getenv("LIMN_CAPTIONER_CHECKPOINT"); named && *named) return named;
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored),
                              folder = program.parent_path();
  std::vector<std::filesystem::path> places;
  if (!folder.empty())
    places = {folder / "scenes.safetensors", folder.parent_path() / "share" / "limn" / "scenes.safetensors"};
#ifdef LIMN_CAPTIONER_DEFAULT
  places.emplace_back(LIMN_CAPTIONER_DEFAULT);
#endif
  for (const std::filesystem::path& place : places)
    if (std::filesystem::is_regular_file(place, ignored)) return place.string();
  fail("--checkpoint",
       "none was named and the program's own scenes.safetensors is not beside it; name a checkpoint, or train one with "
       "'captioner train --data scenes'");
}

}  // namespace limn::captioner

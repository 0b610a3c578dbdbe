#pragma once
// The checkpoint that comes with a program.

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <limn_kernels/error.hpp>

namespace limn::app {

struct DefaultCheckpoint {
  const char* variable;  ///< environment variable that names another one; null: none
  const char* file;      ///< its name, beside the program or in ../share/limn of it
  const char* source;    ///< where it is in the source tree that the program was built from; null: nowhere
  const char* remedy;    ///< what to do when it is nowhere
};

/// Where it is: as the variable says, beside the program, where `cmake --install` puts it, or in the source tree.
[[nodiscard]] inline std::string find_checkpoint(const DefaultCheckpoint& wanted) {
  if (const char* named = wanted.variable ? std::getenv(wanted.variable) : nullptr; named && *named) return named;
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored),
                              folder = program.parent_path();
  std::vector<std::filesystem::path> places;
  if (!folder.empty()) places = {folder / wanted.file, folder.parent_path() / "share" / "limn" / wanted.file};
  if (wanted.source) places.emplace_back(wanted.source);
  for (const std::filesystem::path& place : places)
    if (std::filesystem::is_regular_file(place, ignored)) return place.string();
  fail("--checkpoint", "none was named and the program's own ", wanted.file, " is not beside it; ", wanted.remedy);
}

}  // namespace limn::app

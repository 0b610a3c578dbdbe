#pragma once
// Where the shared data (fixtures, photographs, weights) is: LIMN_SHARED, or ../shared beside the checkout.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

namespace limn::test {

inline std::filesystem::path shared_path(const std::string& below = "") {
  const char* root = std::getenv("LIMN_SHARED");
  return std::filesystem::path(root ? root : "../shared") / below;
}

/// True where the shared data is; otherwise says that the test was skipped.
inline bool have_shared(const std::string& below = "") {
  if (std::filesystem::exists(shared_path(below))) return true;
  MESSAGE("skipped: no shared data at " << shared_path(below).string() << " (set LIMN_SHARED)");
  return false;
}

}  // namespace limn::test

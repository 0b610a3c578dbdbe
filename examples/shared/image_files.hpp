#pragma once
// The image files of a folder.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <limn/core/check.hpp>

namespace limn::app {

[[nodiscard]] inline bool has_image_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const auto known = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".pnm"};
  return std::find(known.begin(), known.end(), extension) != known.end();
}

/// The images in a folder, sorted; `Walk` is std::filesystem::directory_iterator or, for those below it too,
/// recursive_directory_iterator. Throws naming the folder when it cannot be listed or holds none.
template <class Walk = std::filesystem::directory_iterator>
[[nodiscard]] std::vector<std::string> images_in(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error, ignored;
  for (Walk entry(folder, std::filesystem::directory_options::skip_permission_denied, error), end;
       !error && entry != end; entry.increment(error))
    if (has_image_extension(entry->path()) && !entry->is_directory(ignored)) files.push_back(entry->path().string());
  if (error) fail(folder, "cannot list the folder: ", error.message(), "; check the path and its permissions");
  if (files.empty()) fail(folder, "the folder holds no image (.jpg, .jpeg, .png, .bmp, .ppm, .pgm); name another");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace limn::app

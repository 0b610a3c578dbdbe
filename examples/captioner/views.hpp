#pragma once
// Views: photographs, whole and in part. To a network that learns by looking, a part of a photograph is another one.

#include <filesystem>
#include <string>
#include <vector>

#include <limn/image/image.hpp>

namespace limn::captioner {

/// A rectangle, in whole percents of a photograph's width and height.
struct Rectangle {
  int left = 0, top = 0, width = 100, height = 100;

  friend bool operator==(const Rectangle&, const Rectangle&) = default;
};

struct View {
  std::string photograph;  ///< what its dataset or folder calls it
  std::filesystem::path file;
  Rectangle part;
};

/// "a.jpg" and, of a part, "a.jpg#xywh=percent:10,0,60,75", as Media Fragments URI 1.0 (W3C) names it.
[[nodiscard]] std::string view_name(const std::string& photograph, const Rectangle& part);
/// The two again; a name that ends in no such rectangle is a whole photograph's.
struct ParsedView {
  std::string photograph;
  Rectangle part;
};
[[nodiscard]] ParsedView parse_view(const std::string& name);

/// A fifth to four fifths of a photograph's area, between 3:4 and 4:3 as wide as high for its shape: by the
/// photograph's name and the part's number alone.
[[nodiscard]] Rectangle random_part(const std::string& photograph, index_t number);

/// Decodes the file. Throws naming it when it cannot be read.
[[nodiscard]] image::Image picture_of(const View& view);
[[nodiscard]] image::Image part_of(const image::Image& photograph, const Rectangle& part);

}  // namespace limn::captioner

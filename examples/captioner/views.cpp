#include "captioner/views.hpp"

#include <charconv>
#include <cmath>

#include <limn/core/random.hpp>
#include <limn/image/decode.hpp>
#include <limn/image/transform.hpp>

namespace limn::captioner {
namespace {

constexpr std::string_view fragment = "#xywh=percent:";

}  // namespace

std::string view_name(const std::string& photograph, const Rectangle& part) {
  if (part == Rectangle{}) return photograph;
  std::string name = photograph + std::string(fragment);
  for (const int number : {part.left, part.top, part.width, part.height}) name += std::to_string(number) + ",";
  name.pop_back();
  return name;
}

ParsedView parse_view(const std::string& name) {
  const ParsedView whole{name, {}};
  const std::size_t at = name.rfind(fragment);
  if (at == std::string::npos) return whole;
  Rectangle part;
  const char *from = name.data() + at + fragment.size(), *const end = name.data() + name.size();
  for (int* const number : {&part.left, &part.top, &part.width, &part.height}) {
    const auto [rest, error] = std::from_chars(from, end, *number);
    const bool last = number == &part.height;
    if (error != std::errc{} || *number < 0 || *number > 100 || (last ? rest != end : rest == end || *rest != ','))
      return whole;
    from = last ? rest : rest + 1;
  }
  if (part.width < 1 || part.height < 1 || part.left + part.width > 100 || part.top + part.height > 100) return whole;
  return {name.substr(0, at), part};
}

Rectangle random_part(const std::string& photograph, index_t number) {
  std::uint64_t seed = 14695981039346656037ull;  // FNV-1a
  for (const char c : photograph) seed = (seed ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  Generator draw(seed + static_cast<std::uint64_t>(number));
  const double area = 0.2 + 0.6 * draw.uniform(), shape = std::exp(std::log(4.0 / 3) * (2 * draw.uniform() - 1));
  const auto percents = [](double share) { return static_cast<int>(std::lround(100 * std::min(share, 1.0))); };
  Rectangle part;
  part.width = percents(std::sqrt(area * shape));
  part.height = percents(std::sqrt(area / shape));
  part.left = static_cast<int>(draw.below(101 - part.width));
  part.top = static_cast<int>(draw.below(101 - part.height));
  return part;
}

image::Image part_of(const image::Image& photograph, const Rectangle& part) {
  const auto pixels = [](index_t side, int percent) { return side * percent / 100; };
  const index_t left = pixels(photograph.width, part.left), top = pixels(photograph.height, part.top);
  return image::crop(photograph, top, left,
                     {std::max<index_t>(pixels(photograph.height, part.height), 1),
                      std::max<index_t>(pixels(photograph.width, part.width), 1)});
}

image::Image picture_of(const View& view) {
  image::Image photograph = image::decode_file(view.file);
  return view.part == Rectangle{} ? photograph : part_of(photograph, view.part);
}

}  // namespace limn::captioner

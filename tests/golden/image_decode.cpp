// Kind image-decode: RGB of every file, and the samples in the image's own mode where those are expected.

#include <limn/image/decode.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

[[nodiscard]] bool ends_with(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

/// [height, width] for one channel, else [height, width, channels]
[[nodiscard]] std::vector<index_t> array_shape(index_t height, index_t width, index_t channels) {
  return channels == 1 ? std::vector<index_t>{height, width} : std::vector<index_t>{height, width, channels};
}

}  // namespace

void check_image_decode(const std::filesystem::path& folder, Report& report) {
  for (const auto& entry : report.meta().at("files").items()) {
    const std::string file = entry.key();
    report.guard(file, [&] {
      const std::filesystem::path path = folder / "images" / file;
      const image::Image rgb = image::decode_file(path);
      report.tensor(file + ".rgb", rgb.pixels, {rgb.height, rgb.width, 3});
      for (const std::string& name : report.expected_names()) {
        if (name != file + ".raw" && name != file + ".raw_i32") continue;
        const std::string bytes = io::read_file(path);
        image::Samples raw = image::decode_samples(std::as_bytes(std::span(bytes.data(), bytes.size())), path.string());
        if (raw.bits == 16 && !ends_with(name, "_i32"))
          for (std::uint16_t& value : raw.values) value = static_cast<std::uint16_t>(value >> 8);
        report.tensor(name, raw.values, array_shape(raw.height, raw.width, raw.channels));
      }
    });
  }
}

}  // namespace limn::golden

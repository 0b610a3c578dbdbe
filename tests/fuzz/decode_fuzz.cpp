// libFuzzer entry: any bytes as an image file must end in pixels or an Error.
// Build: clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ikernels -isystem /usr/include/stb
// tests/fuzz/decode_fuzz.cpp

#define STB_IMAGE_IMPLEMENTATION
#include <limn/image/decode.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file = std::as_bytes(std::span(data, size));
    const limn::image::Image x = limn::image::decode_bytes(file, "fuzz", {.max_pixels = 1 << 20});
    if (static_cast<limn::index_t>(x.pixels.size()) != x.width * x.height * 3) __builtin_trap();
  } catch (const limn::Error&) {}
  return 0;
}

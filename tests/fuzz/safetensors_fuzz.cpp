// libFuzzer entry: any bytes as a safetensors file, an index and a .npy header must end in a value or an Error.
// Build: clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -Ikernels
// tests/fuzz/safetensors_fuzz.cpp

#include <limn/io/safetensors_header.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  const auto bytes = static_cast<limn::index_t>(size);
  try {
    const limn::index_t length = limn::io::safetensors_header_length(file, bytes, "fuzz");
    const std::string_view json(reinterpret_cast<const char*>(data) + 8, static_cast<std::size_t>(length));
    limn::io::SafetensorsHeader header = limn::io::parse_safetensors_header(json, bytes - 8 - length, "fuzz");
    for (const auto& entry : header.tensors)
      if (entry.second.begin < 0 || header.data_start + entry.second.end > bytes) __builtin_trap();
    (void)limn::io::format_safetensors_header(header, "fuzz");
  } catch (const limn::Error&) {}
  return 0;
}

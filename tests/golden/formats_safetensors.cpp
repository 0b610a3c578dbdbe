// Kind formats-safetensors: the values of good files, the widening and narrowing of half types, the files to reject.

#include <limn/io/weights.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

/// The elements of a tensor as values.json writes them: numbers, or the bits of a float in hexadecimal.
io::Json written_values(io::DType dtype, const std::vector<std::byte>& bytes) {
  io::Json result = io::Json::array();
  io::with_type(dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < bytes.size(); i += sizeof(T)) {
      if (io::is_float(dtype)) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, bytes.data() + i, sizeof(T));
        char text[20];
        std::snprintf(text, sizeof text, "0x%0*llx", static_cast<int>(2 * sizeof(T)),
                      static_cast<unsigned long long>(bits));
        result.push_back(text);
      } else if constexpr (std::is_integral_v<T>) {
        if constexpr (std::is_same_v<T, bool>) {
          result.push_back(bytes[i] != std::byte{0});
        } else {
          T value;
          std::memcpy(&value, bytes.data() + i, sizeof(T));
          result.push_back(value);
        }
      }
    }
  });
  return result;
}

bool same_values(const io::Json& got, const io::Json& wanted) {
  if (!wanted.is_array() || got.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const bool same = got[i].is_boolean() && wanted[i].is_number() ? got[i].get<bool>() == (wanted[i].get<int>() != 0)
                                                                   : got[i] == wanted[i];
    if (!same) return false;
  }
  return true;
}

void check_values(const std::filesystem::path& folder, Report& report) {
  const io::Json truth = io::parse_json_file(folder / "values.json");
  for (const auto& file_entry : truth.items()) {
    const std::string file_name = file_entry.key();
    report.guard(file_name, [&] {
      const io::SafetensorsFile file(folder / file_name);
      const io::Json& wanted = file_entry.value();
      const io::Json metadata = wanted.value("metadata", io::Json());
      report.fact(file_name + " metadata", metadata.is_null() || io::Json(file.metadata()) == metadata ||
                                               (metadata.empty() && file.metadata().empty()));
      const io::Json& tensors = wanted.at("tensors");
      report.fact(file_name + " count", tensors.size() == file.tensors().size());
      for (const auto& entry : tensors.items()) {
        const std::string& name = entry.key();
        const io::TensorInfo& info = file.info(name);
        const bool same = io::Json(info.shape) == entry.value().at("shape") &&
                          entry.value().at("dtype") == io::dtype_name(info.dtype) &&
                          same_values(written_values(info.dtype, file.read_bytes(name)), entry.value().at("values"));
        report.fact(file_name + " " + name, same);
      }
    });
  }
}

}  // namespace

void check_formats_safetensors(const std::filesystem::path& folder, Report& report) {
  check_values(folder, report);

  for (const std::string& name : report.expected_names()) {
    for (const char* source : {"all_dtypes", "half_types_unsorted"}) {  // "<file>.<tensor>_as_f32", the file optional
      std::string tensor = name;
      const std::string prefix = std::string(source) + ".";
      const bool named = tensor.rfind(prefix, 0) == 0;
      if (named) tensor = tensor.substr(prefix.size());
      if (!named && std::string(source) == "all_dtypes") continue;
      if (tensor.size() > 7 && tensor.substr(tensor.size() - 7) == "_as_f32")
        tensor = tensor.substr(0, tensor.size() - 7);
      const io::SafetensorsFile file(folder / (std::string(source) + ".safetensors"));
      for (const std::string& candidate : file.names())
        if (candidate == tensor || (candidate.size() > 2 && candidate[1] == '.' && candidate.substr(2) == tensor))
          report.tensor(name, file.read_as<float>(candidate), file.info(candidate).shape);
      if (named) break;
    }
  }

  if (report.meta().contains("sharded")) {
    const auto index = report.meta().at("sharded").at("index").get<std::string>();
    const io::Weights weights(folder / index);
    const io::Json map = io::parse_json_file(folder / index).at("weight_map");
    report.fact(index + " count", weights.names().size() == map.size());
    for (const auto& entry : map.items()) {
      const io::SafetensorsFile shard(folder / entry.value().get<std::string>());
      report.fact(index + " " + entry.key(), weights.read_bytes(entry.key()) == shard.read_bytes(entry.key()));
    }
  }

  const io::SafetensorsFile table(folder / "cast_table.safetensors");
  const auto check_cast = [&](const char* name, auto type) {
    using Half = decltype(type);
    const auto values = table.read_as<float>("f32"), wanted = table.read_as<float>(name);
    std::vector<Half> narrowed(values.size());
    io::convert_elements(io::DType::f32, std::as_bytes(std::span(values)), narrowed.data());
    bool same = wanted.size() == values.size();
    for (std::size_t i = 0; same && i < values.size(); ++i) {
      const float got = narrowed[i];
      same = std::bit_cast<std::uint32_t>(got) == std::bit_cast<std::uint32_t>(wanted[i]) ||
             (std::isnan(got) && std::isnan(wanted[i]));
    }
    report.fact(std::string("cast_table ") + name, same);
  };
  check_cast("to_bf16_as_f32", bf16{});
  check_cast("to_f16_as_f32", f16{});

  const auto rejects = [&](const std::string& name) {
    try {
      const io::SafetensorsFile file(folder / name);
      return false;
    } catch (const Error&) {
      return true;
    }
  };
  for (const auto& name : report.meta().at("reject"))
    report.fact(name.get<std::string>() + " is rejected", rejects(name.get<std::string>()), "was accepted");
  for (const auto& name : report.meta().value("accept_or_reject", io::Json::array()))
    (void)rejects(name.get<std::string>());
}

}  // namespace limn::golden

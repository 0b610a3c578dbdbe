// safetensors: what is written reads back, equal content gives equal bytes, and every lie in a header is refused.

#include <doctest/doctest.h>

#include <limn/core/random.hpp>
#include <limn/io/safetensors_rows.hpp>
#include <limn/io/tensors.hpp>
#include <support/shared.hpp>
#include <support/temporary_folder.hpp>

namespace limn {
namespace {

/// A file of `header` with its true length, and `data` zero bytes.
std::string file_of(const std::string& header, std::size_t data) {
  std::string bytes(8, '\0');
  const auto length = static_cast<std::uint64_t>(header.size());
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data, '\0');
}

std::string error_of(const test::TemporaryFolder& folder, const std::string& bytes) {
  test::put_file(folder / "f.safetensors", bytes);
  try {
    const io::SafetensorsFile file(folder / "f.safetensors");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST_CASE("safetensors: every element type comes back with its bits, shape and metadata") {
  const test::TemporaryFolder folder;
  Generator generator(3);
  const Tensor<float> f = normal<float>({3, 5}, generator);
  const io::TensorMap tensors{{"f32", f},
                              {"f64", limn::detail::copy_as<double>(f)},
                              {"bf16", limn::detail::copy_as<bf16>(f)},
                              {"f16", limn::detail::copy_as<f16>(f)},
                              {"i8", from<std::int8_t>({-1, 2, -3}, {3})},
                              {"u8", from<std::uint8_t>({1, 255}, {2, 1})},
                              {"i32", from<std::int32_t>({-7}, {})},
                              {"i64", from<std::int64_t>({INT64_MIN, INT64_MAX}, {2})},
                              {"bool", from<bool>({true, false, true}, {3})},
                              {"empty", zeros<float>({0, 4})},
                              {"name with \"quotes\" and \xc3\xbc", f}};
  io::save_tensors(folder / "a.safetensors", tensors, {{"note", "\xc3\xbcnicode"}, {"b", ""}});
  const io::SafetensorsFile file(folder / "a.safetensors");
  CHECK(file.names().size() == tensors.size());
  CHECK(file.metadata() == io::Metadata{{"note", "\xc3\xbcnicode"}, {"b", ""}});
  for (const auto& entry : tensors) {
    const std::string& name = entry.first;
    const io::StoredTensor& stored = entry.second;
    CAPTURE(name);
    CHECK(file.info(name).dtype == stored.dtype());
    CHECK(file.info(name).shape == stored.shape());
    const std::vector<std::byte> bytes = file.read_bytes(name);
    CHECK(std::equal(bytes.begin(), bytes.end(), stored.bytes().begin(), stored.bytes().end()));
  }
  CHECK(io::load_tensor<bool>(file, "bool").at({2}) == true);
  CHECK(io::load_tensor<float>(file, "empty").shape() == Shape{0, 4});
  CHECK(io::load_tensor<std::int32_t>(file, "i32").item() == -7);
}

TEST_CASE("safetensors: equal tensors give equal bytes, and each tensor is aligned to its element") {
  const test::TemporaryFolder folder;
  const Tensor<float> w = arange<float>(6);
  const io::TensorMap tensors{{"a", from<std::uint8_t>({1, 2, 3}, {3})}, {"b", w}, {"c", arange<double>(3)}};
  io::save_tensors(folder / "1", tensors, {{"k", "v"}, {"a", "b"}});
  io::save_tensors(folder / "2", tensors, {{"a", "b"}, {"k", "v"}});
  CHECK(io::read_file(folder / "1") == io::read_file(folder / "2"));
  const io::SafetensorsFile file(folder / "1");
  for (const auto& entry : file.tensors()) CHECK(entry.second.begin % io::dtype_size(entry.second.dtype) == 0);
}

TEST_CASE("safetensors: a strided tensor is written in row-major order") {
  const test::TemporaryFolder folder;
  const Tensor<float> x = from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  io::save_tensors(folder / "t", {{"x", x.as_view({3, 2}, {1, 3})}});
  CHECK(to_vector(io::load_tensor(io::SafetensorsFile(folder / "t"), "x")) == std::vector<float>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("load_tensor: floating-point types convert, other types must be the tensor's own") {
  const test::TemporaryFolder folder;
  io::save_tensors(folder / "t", {{"x", from<double>({1.0000001, -2}, {2})}, {"n", from<std::int64_t>({1}, {1})}});
  const io::SafetensorsFile file(folder / "t");
  CHECK(io::load_tensor<float>(file, "x").at({0}) == 1.0000001f);
  CHECK(static_cast<float>(io::load_tensor<bf16>(file, "x").at({1})) == -2.0f);
  CHECK_THROWS_AS((void)io::load_tensor<float>(file, "n"), Error);
  CHECK_THROWS_AS((void)io::load_tensor<std::int32_t>(file, "n"), Error);
  CHECK_THROWS_AS((void)io::load_tensor<std::int64_t>(file, "x"), Error);
  CHECK_THROWS_AS((void)io::load_tensor<float>(file, "none"), Error);
}

TEST_CASE("read_rows: part of a tensor is read, and rows that do not exist are refused") {
  const test::TemporaryFolder folder;
  io::save_tensors(folder / "t", {{"a", arange<double>(5)}, {"x", from<float>({0, 1, 2, 3, 4, 5, 6, 7}, {4, 2})}});
  const io::SafetensorsFile file(folder / "t");
  float rows[4];
  file.read_rows("x", 1, 2, std::as_writable_bytes(std::span(rows)));
  CHECK(rows[0] == 2);
  CHECK(rows[3] == 5);
  CHECK_THROWS_AS(file.read_rows("x", 3, 2, std::as_writable_bytes(std::span(rows))), Error);
  CHECK_THROWS_AS(file.read_rows("x", -1, 2, std::as_writable_bytes(std::span(rows))), Error);
  CHECK_THROWS_AS(file.read_rows("x", 0, 1, std::as_writable_bytes(std::span(rows))), Error);
  CHECK_THROWS_AS(file.read_rows("x", INT64_MAX, 2, std::as_writable_bytes(std::span(rows))), Error);
}

TEST_CASE("safetensors: each lie in a header is refused in one line naming the file") {
  struct Lie {
    const char* what;
    std::string bytes, message;
  };
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const auto with = [&](const std::string& from_text, const std::string& to) {
    std::string header = good;
    header.replace(header.find(from_text), from_text.size(), to);
    return file_of(header, 8);
  };
  const std::string second = R"(,"b":{"dtype":"F32","shape":[2],"data_offsets":[)";
  const auto pair = [&](const std::string& offsets, std::size_t data) {
    return file_of(good.substr(0, good.size() - 1) + second + offsets + "]}}", data);
  };
  std::string huge = file_of(good, 8), long_header = huge;
  huge[7] = '\x7f';
  long_header[3] = '\x01';
  const Lie lies[] = {
      {"empty file", "", "too few"},
      {"seven bytes", std::string(7, '\0'), "too few"},
      {"header length 2^63", huge, "the header claims"},
      {"header length past the end", long_header, "the header claims"},
      {"header of length 0", file_of("", 0), "not a JSON object"},
      {"broken JSON", file_of(good.substr(0, good.size() - 1), 8), "not valid JSON"},
      {"a list", file_of("[1,2]", 0), "not a JSON object"},
      {"invalid UTF-8", file_of("{\"\xff\":1}", 0), "not valid JSON"},
      {"deep nesting", file_of("{\"a\":" + std::string(100000, '['), 0), "nested deeper"},
      {"an entry that is a number", file_of(R"({"a":3})", 0), "not by an object"},
      {"no dtype", file_of(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8), "has no \"dtype\""},
      {"no shape", file_of(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", 8), "has no \"shape\""},
      {"no offsets", file_of(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "has no \"data_offsets\""},
      {"unknown dtype", with("F32", "F31"), "unknown dtype 'F31'"},
      {"dtype a number", with("\"F32\"", "32"), "not a string"},
      {"shape a number", with("[2]", "2"), "not a list"},
      {"negative extent", with("[2]", "[-2]"), "not a whole number"},
      {"fractional extent", with("[2]", "[2.0]"), "not a whole number"},
      {"extent above 2^63", with("[2]", "[18446744073709551615]"), "not a whole number"},
      {"overflowing shape", with("[2]", "[1099511627776,1099511627776]"), "more bytes than 64 bits"},
      {"overflowing shape with a 0", with("[2]", "[1099511627776,1099511627776,0]"), "more bytes than 64 bits"},
      {"shape and bytes differ", with("[2]", "[3]"), "needs 12 bytes but has 8"},
      {"begin after end", with("[0,8]", "[8,0]"), "lies at bytes 8 to 0"},
      {"offsets past the end", with("[0,8]", "[0,16]"), "but the file holds 8"},
      {"three offsets", with("[0,8]", "[0,8,8]"), "not a pair"},
      {"overlap", pair("4,12", 12), "begins at byte 4"},
      {"hole", pair("12,20", 20), "begins at byte 12"},
      {"trailing bytes", file_of(good, 10), "holds 10 bytes of data"},
      {"missing bytes", file_of(good, 7), "but the file holds 7"},
      {"metadata a number", file_of(R"({"__metadata__":{"k":1}})", 0), "not a string"},
      {"metadata a list", file_of(R"({"__metadata__":[]})", 0), "not an object"}};
  const test::TemporaryFolder folder;
  CHECK(error_of(folder, file_of(good, 8)) == "accepted");
  CHECK(error_of(folder, file_of("{}", 0)) == "accepted");
  CHECK(error_of(folder, file_of(good + "    ", 8)) == "accepted");
  for (const Lie& lie : lies) {
    const std::string message = error_of(folder, lie.bytes);
    CHECK_MESSAGE(message.find(lie.message) != std::string::npos, lie.what << " -> " << message);
    CHECK_MESSAGE(message.find("f.safetensors: ") != std::string::npos, message);
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("safetensors: no mutation of a good header crashes or is read beyond its bytes") {
  const std::string good = file_of(
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}})",
      12);
  Generator generator(11);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (index_t k = generator.below(4); k >= 0 && !bytes.empty(); --k) {
      const auto at = static_cast<std::size_t>(generator.below(static_cast<index_t>(bytes.size())));
      switch (generator.below(4)) {
        case 0:
          bytes[at] = static_cast<char>(generator.below(256));
          break;
        case 1:
          bytes.erase(at, 1);
          break;
        case 2:
          bytes.insert(at, 1, "0123456789[]{},:\"-."[generator.below(19)]);
          break;
        default:
          bytes.resize(at + 1);
          break;
      }
    }
    try {
      const auto view = std::as_bytes(std::span(bytes.data(), bytes.size()));
      const auto size = static_cast<index_t>(bytes.size());
      const index_t length = io::safetensors_header_length(view, size, "mutant");
      const auto header = io::parse_safetensors_header(
          std::string_view(bytes).substr(8, static_cast<std::size_t>(length)), size - 8 - length, "mutant");
      for (const auto& entry : header.tensors) {
        CHECK(entry.second.begin >= 0);
        CHECK(header.data_start + entry.second.end <= size);
      }
      ++accepted;
    } catch (const Error&) {}
  }
  CHECK(accepted > 0);
  CHECK(accepted < 20000);
}

TEST_CASE("safetensors: the files of the reference implementation load or are refused as they should be") {
  if (!test::have_shared("golden/formats-safetensors")) return;
  const std::filesystem::path folder = test::shared_path("golden/formats-safetensors");
  const io::Json meta = io::parse_json_file(folder / "meta.json");
  for (const auto& name : meta.at("reject"))
    CHECK_THROWS_AS(io::SafetensorsFile(folder / name.get<std::string>()), Error);
  CHECK(io::SafetensorsFile(folder / "all_dtypes.safetensors").names().size() == 13);
}

TEST_CASE("write_safetensors: wrong byte counts, equal names and the reserved name are refused") {
  const test::TemporaryFolder folder;
  const std::vector<std::byte> bytes(8);
  CHECK_THROWS_AS(io::write_safetensors(folder / "f", {{"a", io::DType::f32, {3}, bytes}}), Error);
  CHECK_THROWS_AS(
      io::write_safetensors(folder / "f", {{"a", io::DType::f32, {2}, bytes}, {"a", io::DType::f32, {2}, bytes}}),
      Error);
  CHECK_THROWS_AS(io::write_safetensors(folder / "f", {{"__metadata__", io::DType::f32, {2}, bytes}}), Error);
  CHECK_THROWS_AS(io::write_safetensors(folder / "f", {{"\xff", io::DType::f32, {2}, bytes}}), Error);
  CHECK(folder.count() == 0);
}

TEST_CASE("Weights: a sharded index finds each tensor, and an index that lies is refused") {
  const test::TemporaryFolder folder;
  const auto write_index = [&](const std::string& map) {
    test::put_file(folder / "model.safetensors.index.json", "{\"weight_map\": " + map + "}");
  };
  io::save_tensors(folder / "m1.safetensors", {{"a", full<float>({2}, 1)}});
  io::save_tensors(folder / "m2.safetensors", {{"b", full<float>({2}, 2)}, {"c", full<float>({2}, 3)}});
  write_index(R"({"a": "m1.safetensors", "b": "m2.safetensors", "c": "m2.safetensors"})");
  const io::Weights weights(folder.path());
  CHECK(weights.names() == std::vector<std::string>{"a", "b", "c"});
  CHECK(io::load_tensor(weights, "c").at({1}) == 3);
  CHECK(io::load_tensor(io::Weights(folder / "model.safetensors.index.json"), "a").at({0}) == 1);
  CHECK(io::Weights(folder / "m1.safetensors").contains("a"));

  for (const char* map : {"3", "{}", R"({"a": 3})", R"({"a": "../m1.safetensors"})", R"({"a": ".."})", R"({"a": ""})",
                          R"({"a": "none.safetensors"})", R"({"x": "m1.safetensors"})"}) {
    write_index(map);
    CHECK_THROWS_AS(io::Weights(folder.path()), Error);
  }
  const test::TemporaryFolder empty;
  CHECK_THROWS_AS(io::Weights(empty.path()), Error);
}

TEST_CASE("SafetensorsRows: a writer that was killed goes on after its last mark, and the result has the same bytes") {
  const test::TemporaryFolder folder;
  const std::map<std::string, io::SafetensorsRows::Column> columns{{"x", {io::DType::f32, {5, 2}}},
                                                                   {"n", {io::DType::u8, {5}}}};
  const io::Metadata metadata{{"encoder", "e"}};
  const auto write = [&](io::SafetensorsRows& rows, index_t first, index_t count) {
    for (index_t i = first; i < first + count; ++i) {
      const float x[2] = {static_cast<float>(i), static_cast<float>(-i)};
      const auto n = static_cast<std::uint8_t>(i);
      rows.write_rows("x", i, 1, std::as_bytes(std::span(x)));
      rows.write_rows("n", i, 1, std::as_bytes(std::span(&n, 1)));
    }
  };
  {
    io::SafetensorsRows rows(folder / "whole", columns, metadata);
    write(rows, 0, 5);
    rows.mark_done(5);
    rows.commit();
  }
  {
    io::SafetensorsRows rows(folder / "parts", columns, metadata);
    CHECK(rows.rows_done() == 0);
    write(rows, 0, 3);
    rows.mark_done(2);
  }
  CHECK(!std::filesystem::exists(folder / "parts"));
  { const io::SafetensorsRows other(folder / "elsewhere", columns, {{"encoder", "other"}}); }
  {
    io::SafetensorsRows rows(folder / "parts", columns, metadata);
    CHECK(rows.rows_done() == 2);
    CHECK_THROWS_AS(rows.commit(), Error);
    CHECK_THROWS_AS(rows.mark_done(6), Error);
    write(rows, 2, 3);
    rows.mark_done(5);
    rows.commit();
  }
  CHECK(io::read_file(folder / "whole") == io::read_file(folder / "parts"));
  CHECK(to_vector(io::load_tensor(io::SafetensorsFile(folder / "parts"), "x"))[8] == 4);

  {
    io::SafetensorsRows rows(folder / "again", columns, metadata);
    write(rows, 0, 5);
    rows.mark_done(5);
  }
  const io::SafetensorsRows changed(folder / "again", columns, {{"encoder", "other"}});
  CHECK(changed.rows_done() == 0);
}

TEST_CASE("convert_elements: narrowing to the half types rounds to nearest even and keeps infinities") {
  const float values[] = {1.00390625f, 65520.0f, -1e-8f, 3.0e38f};
  f16 halves[4];
  io::convert_elements(io::DType::f32, std::as_bytes(std::span(values)), halves);
  CHECK(std::isinf(static_cast<float>(halves[1])));
  CHECK(static_cast<float>(halves[2]) == 0);
  std::int64_t whole[2];
  const std::uint8_t bytes[] = {0, 200};
  io::convert_elements(io::DType::boolean, std::as_bytes(std::span(bytes)), whole);
  CHECK(whole[1] == 1);
}

}  // namespace
}  // namespace limn

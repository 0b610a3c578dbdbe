// Checkpoints, loading by name, and .npy files.

#include <limits>

#include <doctest/doctest.h>

#include <limn/io/checkpoint.hpp>
#include <limn/io/npy.hpp>
#include <support/temporary_folder.hpp>

namespace limn {
namespace {

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("checkpoint: tensors, state and architecture come back exactly, and equal content gives equal bytes") {
  const test::TemporaryFolder folder;
  const io::TensorMap tensors{{"model.w", arange<float>(6)}, {"adam.step", from<std::int64_t>({41}, {})}};
  io::CheckpointInfo info;
  info.architecture = {{"kind", "merge"}, {"hidden", 256}};
  info.state = {{"epoch", 3}, {"generator", {18446744073709551615ull, 7}}, {"best", 0.1 + 0.2}};
  io::save_checkpoint(folder / "c", tensors, info);
  io::save_checkpoint(folder / "d", tensors, info);
  CHECK(io::read_file(folder / "c") == io::read_file(folder / "d"));
  const io::Checkpoint checkpoint(folder / "c");
  CHECK(checkpoint.state() == info.state);
  CHECK(checkpoint.state()["best"].get<double>() == 0.1 + 0.2);
  CHECK(checkpoint.state()["generator"][0].get<std::uint64_t>() == 18446744073709551615ull);
  checkpoint.require_architecture(info.architecture);
  CHECK(io::load_tensor<std::int64_t>(checkpoint, "adam.step").item() == 41);
}

TEST_CASE("checkpoint: another architecture is refused with the field that differs") {
  const test::TemporaryFolder folder;
  io::CheckpointInfo info;
  info.architecture = {{"kind", "merge"}, {"hidden", 256}};
  io::save_checkpoint(folder / "c", {{"w", ones({1})}}, info);
  const io::Checkpoint checkpoint(folder / "c");
  CHECK(contains(message_of([&] {
                   checkpoint.require_architecture({{"kind", "merge"}, {"hidden", 128}});
                 }),
                 "checkpoint of another architecture: 'hidden' is 256 but 128 is wanted; "));
  CHECK(contains(message_of([&] {
                   checkpoint.require_architecture({{"kind", "merge"}});
                 }),
                 "'hidden' is 256 but absent is wanted"));
}

TEST_CASE("checkpoint: a plain safetensors file and a damaged description are refused") {
  const test::TemporaryFolder folder;
  io::save_tensors(folder / "plain", {{"w", ones({1})}});
  CHECK(contains(message_of([&] { io::Checkpoint c(folder / "plain"); }), "is not a limn checkpoint"));
  io::save_tensors(folder / "broken", {{"w", ones({1})}}, {{"format", "limn-checkpoint-1"}, {"architecture", "{"}});
  CHECK(contains(message_of([&] { io::Checkpoint c(folder / "broken"); }), "broken: not valid JSON"));
  io::save_tensors(folder / "part", {{"w", ones({1})}}, {{"format", "limn-checkpoint-1"}, {"architecture", "{}"}});
  CHECK(contains(message_of([&] { io::Checkpoint c(folder / "part"); }), "the checkpoint has no 'state'"));
}

TEST_CASE("checkpoint: test vectors notice a program that computes something else") {
  const test::TemporaryFolder folder;
  io::CheckpointInfo info;
  info.test_vectors.push_back(io::test_vector({1, 2}, {3.0}));
  io::save_checkpoint(folder / "c", {{"w", ones({1})}}, info);
  const io::Checkpoint checkpoint(folder / "c");
  checkpoint.replay_test_vectors(
      [](const io::Json& in) { return std::vector<double>{in[0].get<double>() + in[1].get<double>()}; });
  CHECK(contains(
      message_of([&] { checkpoint.replay_test_vectors([](const io::Json&) { return std::vector<double>{4}; }); }),
      "test vector 0 gives another output"));
}

TEST_CASE("load_state: names, shapes and types are reported, and then nothing has been loaded") {
  const test::TemporaryFolder folder;
  io::save_tensors(folder / "w", {{"a", full<float>({2}, 7)}, {"b", ones({3, 4})}, {"c", ones({1})}});
  const io::SafetensorsFile file(folder / "w");
  const Tensor<float> a = zeros({2}), b = zeros({4, 3}), d = zeros({1});
  const std::string message = message_of([&] { io::load_state<float>(file, {{"a", a}, {"b", b}, {"d", d}}); });
  CHECK(contains(message,
                 "w: does not fit the model: 1 missing ('d'), 1 unexpected ('c'), 1 of another shape "
                 "('b' is [3, 4] but the model wants [4, 3]); use the weights of this architecture"));
  CHECK(a.at({0}) == 0);

  const Tensor<float> fitting = zeros({3, 4});
  io::load_state<float>(file, {{"layer.a", a}, {"layer.b", fitting}, {"layer.d", d}},
                        {.rename = [](const std::string& name) { return name.substr(6); },
                         .ignore = [](const std::string& name) { return name == "c"; },
                         .optional = [](const std::string& name) { return name == "layer.d"; }});
  CHECK(a.at({1}) == 7);
  CHECK(fitting.at({2, 3}) == 1);
  CHECK(d.at({0}) == 0);
}

TEST_CASE("load_state: a long list of differences is cut short") {
  io::StateReport report;
  for (int i = 0; i < 7; ++i) report.missing.push_back("layer" + std::to_string(i));
  CHECK(report.text(2) == "7 missing ('layer0', 'layer1' and 5 more)");
}

TEST_CASE("load_state: NaN in the weights is refused on request") {
  const test::TemporaryFolder folder;
  io::save_tensors(folder / "w", {{"a", from<float>({1, std::numeric_limits<float>::quiet_NaN()}, {2})}});
  const io::SafetensorsFile file(folder / "w");
  const Tensor<float> a = zeros({2});
  CHECK(contains(message_of([&] {
                   io::load_state<float>(file, {{"a", a}}, {.reject_nan = true});
                 }),
                 "the tensor 'a' holds NaN or infinite values; "));
  CHECK(a.at({0}) == 0);
  io::load_state<float>(file, {{"a", a}});
  CHECK(a.at({0}) == 1);
}

TEST_CASE("load_state: the elements of a strided tensor are filled in place") {
  const test::TemporaryFolder folder;
  io::save_tensors(folder / "w", {{"a", from<float>({1, 2, 3, 4, 5, 6}, {2, 3})}});
  const Tensor<float> memory = zeros({3, 2});
  io::load_state<float>(io::SafetensorsFile(folder / "w"), {{"a", memory.as_view({2, 3}, {1, 2})}});
  CHECK(to_vector(memory) == std::vector<float>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("npy: each element type and rank comes back") {
  const test::TemporaryFolder folder;
  io::save_npy(folder / "a.npy", from<float>({1, 2, 3, 4, 5, 6}, {2, 3}));
  CHECK(to_vector(io::load_npy<double>(folder / "a.npy")) == std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(io::read_file(folder / "a.npy").size() % 64 == 24);
  io::save_npy(folder / "b.npy", from<std::int64_t>({-5}, {}));
  CHECK(io::load_npy<std::int64_t>(folder / "b.npy").item() == -5);
  io::save_npy(folder / "c.npy", from<bool>({true, false}, {2}));
  CHECK(io::load_npy<bool>(folder / "c.npy").at({0}));
  CHECK_THROWS_AS((void)io::load_npy<float>(folder / "b.npy"), Error);
}

TEST_CASE("npy: Fortran order and every damaged header are understood or refused") {
  const test::TemporaryFolder folder;
  const auto file = [&](const std::string& dictionary, std::size_t data) {
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += static_cast<char>(dictionary.size());
    bytes += '\0';
    bytes += dictionary;
    for (std::size_t i = 0; i < data; ++i) bytes += static_cast<char>(i);
    test::put_file(folder / "f.npy", bytes);
    return folder / "f.npy";
  };
  const auto x = io::load_npy<std::uint8_t>(file("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", 6));
  CHECK(to_vector(x) == std::vector<std::uint8_t>{0, 2, 4, 1, 3, 5});
  for (const char* header : {"", "{}", "{'descr': '|u1'}", "{'descr': '>f4', 'fortran_order': False, 'shape': (6,)}",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (7,)}",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (-6,)}",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296)}",
                             "{'descr': '|u1', 'fortran_order': False, 'shape': 6}"})
    CHECK_THROWS_AS((void)io::load_npy<std::uint8_t>(file(header, 6)), Error);
  test::put_file(folder / "g.npy", "PNG");
  CHECK_THROWS_AS((void)io::load_npy(folder / "g.npy"), Error);
}

}  // namespace
}  // namespace limn

// Keras .h5 files: names and layouts come out as PyTorch's, and files that are damaged or of another kind are refused.

#ifdef LIMN_WITH_HDF5

#include <doctest/doctest.h>

#include <limn/io/keras_h5.hpp>
#include <support/shared.hpp>
#include <support/temporary_folder.hpp>

namespace limn {
namespace {

/// Writes files in the layout of Keras: fixed-length string lists and contiguous arrays.
class KerasWriter {
 public:
  explicit KerasWriter(const std::filesystem::path& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~KerasWriter() {
    strings(file_, "layer_names", layers_);
    H5Fclose(file_);
  }
  void layer(const std::string& name, const std::vector<std::pair<std::string, std::vector<hsize_t>>>& weights) {
    layers_.push_back(name);
    const hid_t group = H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    std::vector<std::string> names;
    const hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    for (const auto& [weight, shape] : weights) {
      names.push_back(weight);
      const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
      const hid_t data = H5Dcreate2(group, weight.c_str(), H5T_IEEE_F32LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
      std::vector<float> values;
      for (hssize_t i = 0; i < H5Sget_simple_extent_npoints(space); ++i) values.push_back(static_cast<float>(i));
      H5Dwrite(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
      H5Dclose(data);
      H5Sclose(space);
    }
    H5Pclose(links);
    strings(group, "weight_names", names);
    H5Gclose(group);
  }

 private:
  static void strings(hid_t object, const char* name, const std::vector<std::string>& texts) {
    std::string bytes;
    for (const std::string& text : texts) bytes += text + std::string(40 - text.size(), '\0');
    const hsize_t count = texts.size();
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &count, nullptr);
    H5Tset_size(type, 40);
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (count > 0) H5Awrite(attribute, type, bytes.data());
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
  }
  hid_t file_;
  std::vector<std::string> layers_;
};

TEST_CASE("KerasFile: dense, convolution, embedding, batch norm and LSTM weights come in PyTorch's layouts") {
  const test::TemporaryFolder folder;
  {
    KerasWriter writer(folder / "w.h5");
    writer.layer("dense", {{"dense/kernel:0", {2, 3}}, {"dense/bias:0", {3}}});
    writer.layer("block1_conv1", {{"block1_conv1_W_1:0", {1, 2, 3, 4}}, {"block1_conv1_b_1:0", {4}}});
    writer.layer("dropout", {});
    writer.layer("embedding", {{"embedding/embeddings:0", {5, 2}}});
    writer.layer("bn",
                 {{"bn/gamma:0", {2}}, {"bn/beta:0", {2}}, {"bn/moving_mean:0", {2}}, {"bn/moving_variance:0", {2}}});
    writer.layer("lstm", {{"lstm/lstm_cell/kernel:0", {3, 8}},
                          {"lstm/lstm_cell/recurrent_kernel:0", {2, 8}},
                          {"lstm/lstm_cell/bias:0", {8}}});
  }
  const io::KerasFile file(folder / "w.h5");
  CHECK(file.names().size() == 13);
  CHECK(to_vector(io::load_tensor(file, "dense.weight")) == std::vector<float>{0, 3, 1, 4, 2, 5});
  const Tensor<float> w = io::load_tensor(file, "block1_conv1.weight");
  CHECK(w.shape() == Shape{4, 3, 1, 2});
  CHECK(w.at({3, 2, 0, 1}) == 12 + 8 + 3);
  CHECK(file.contains("block1_conv1.bias"));
  CHECK(file.contains("bn.running_var"));
  CHECK(io::load_tensor(file, "lstm.weight_ih_l0").at({7, 2}) == 2 * 8 + 7);
  CHECK(io::load_tensor(file, "lstm.weight_hh_l0").shape() == Shape{8, 2});
  CHECK(io::load_tensor(file, "lstm.bias_ih_l0").at({7}) == 7);
  CHECK(io::load_tensor(file, "lstm.bias_hh_l0").at({7}) == 0);
  CHECK(file.model_config().is_null());
}

TEST_CASE("KerasFile: a dense layer behind a flattened image takes its inputs in channel order") {
  const test::TemporaryFolder folder;
  { KerasWriter(folder / "w.h5").layer("fc1", {{"fc1/kernel:0", {12, 1}}, {"fc1/bias:0", {1}}}); }
  io::KerasFile file(folder / "w.h5");
  file.set_flattened("fc1", 3, 2, 2);
  CHECK(to_vector(io::load_tensor(file, "fc1.weight")) == std::vector<float>{0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11});
  CHECK_THROWS_AS(file.set_flattened("fc1", 3, 2, 3), Error);
  CHECK_THROWS_AS(file.set_flattened("none", 3, 2, 2), Error);
}

TEST_CASE("KerasFile: other files, cut files and recurrent layers that are not LSTMs are refused") {
  const test::TemporaryFolder folder;
  test::put_file(folder / "text.h5", "not HDF5");
  CHECK_THROWS_AS(io::KerasFile(folder / "text.h5"), Error);
  test::put_file(folder / "empty.h5", "");
  CHECK_THROWS_AS(io::KerasFile(folder / "empty.h5"), Error);
  CHECK_THROWS_AS(io::KerasFile(folder / "none.h5"), Error);
  { KerasWriter(folder / "gru.h5").layer("gru", {{"gru/kernel:0", {3, 6}}, {"gru/recurrent_kernel:0", {2, 6}}}); }
  CHECK_THROWS_AS(io::KerasFile(folder / "gru.h5"), Error);
  { KerasWriter(folder / "w.h5").layer("dense", {{"dense/kernel:0", {20, 30}}}); }
  const std::string whole = io::read_file(folder / "w.h5");
  for (std::size_t size = 0; size < whole.size(); size += 97) {
    test::put_file(folder / "cut.h5", whole.substr(0, size));
    CHECK_THROWS_AS(io::KerasFile(folder / "cut.h5"), Error);
  }
}

TEST_CASE("KerasFile: whole models and weights files hold the same tensors") {
  if (!test::have_shared("golden/keras-h5")) return;
  const io::KerasFile weights(test::shared_path("golden/keras-h5/merge_add_weights.h5"));
  const io::KerasFile model(test::shared_path("golden/keras-h5/merge_add_full.h5"));
  CHECK(weights.names() == model.names());
  for (const std::string& name : weights.names()) CHECK(weights.read_bytes(name) == model.read_bytes(name));
  CHECK(model.model_config().is_object());
}

}  // namespace
}  // namespace limn

#endif  // LIMN_WITH_HDF5

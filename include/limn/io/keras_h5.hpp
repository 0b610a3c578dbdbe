#pragma once
// Keras .h5 weights, read under PyTorch's names and layouts. Needs LIMN_WITH_HDF5 (target limn::hdf5).

#ifdef LIMN_WITH_HDF5

#include <array>
#include <utility>

#include <limn/io/hdf5.hpp>
#include <limn/io/state_dict.hpp>

namespace limn::inline LIMN_ABI::io {

/// An open Keras weights file: model.save_weights("x.h5"), model.save("x.h5"), or keras.applications' files. Tensors
/// have PyTorch's names and layouts and are read (and turned around) one at a time:
///   Dense, Conv2D   LAYER.weight [out, in] or [out, in, kh, kw], LAYER.bias
///   Embedding       LAYER.weight
///   LSTM            LAYER.weight_ih_l0, weight_hh_l0, bias_ih_l0 (Keras' only bias), bias_hh_l0 (zeros)
///   BatchNorm       LAYER.weight, bias, running_mean, running_var
class KerasFile {
 public:
  explicit KerasFile(const std::filesystem::path& path) : path_(path), file_(open(path)), root_(open_root()) {
    for (const std::string& layer : detail::hdf5_list(root_, "layer_names", where())) add_layer(layer);
    if (entries_.empty())
      fail(where(), "holds no Keras layers with weights; save it with model.save_weights(\"....h5\")");
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] bool contains(const std::string& name) const { return entries_.count(name) > 0; }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : entries_) result.push_back(entry.first);
    return result;
  }
  [[nodiscard]] const TensorInfo& info(const std::string& name) const { return entry(name).info; }
  /// The model_config of a file from model.save(), else null.
  [[nodiscard]] Json model_config() const {
    const std::vector<std::string> text = detail::hdf5_strings(file_, "model_config", where());
    return text.empty() ? Json() : parse_json(text[0], where());
  }

  /// Says that a Dense layer's input is a flattened [H, W, C] image: its columns are put in [C, H, W] order when read.
  void set_flattened(const std::string& layer, index_t channels, index_t height, index_t width) {
    if (!contains(layer + ".weight")) fail(where(), "has no Dense layer ", in_quotes(layer));
    Entry& dense = entries_.at(layer + ".weight");
    if (dense.info.shape.size() != 2 || dense.info.shape[1] != channels * height * width)
      fail(where(), "the layer ", in_quotes(layer), " has a weight of shape ", shape_text(dense.info.shape),
           ", which does not take ", channels, " x ", height, " x ", width, " inputs");
    dense.flattened = {channels, height, width};
  }

  /// Little-endian float32, in the layout of info(name).
  [[nodiscard]] std::vector<std::byte> read_bytes(const std::string& name) const {
    std::vector<std::byte> bytes(static_cast<std::size_t>(info(name).bytes()));
    read_bytes(name, bytes);
    return bytes;
  }
  void read_bytes(const std::string& name, std::span<std::byte> bytes) const {
    const Entry& from = entry(name);
    if (static_cast<index_t>(bytes.size()) != from.info.bytes())
      fail(where(), "the buffer for ", in_quotes(name), " has the wrong size");
    if (from.dataset.empty()) return std::fill(bytes.begin(), bytes.end(), std::byte{0});
    std::vector<float> stored(static_cast<std::size_t>(from.info.numel()));
    const detail::Hdf5Id dataset(H5Dopen2(root_, from.dataset.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid() || H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, stored.data()) < 0)
      fail(where(), "the weights ", in_quotes(from.dataset), " cannot be read", detail::damaged);
    const std::vector<float> turned = turn(from, std::move(stored));
    if (!turned.empty()) std::memcpy(bytes.data(), turned.data(), bytes.size());
  }

 private:
  struct Entry {
    std::string dataset;  // empty: zeros
    TensorInfo info;
    std::vector<index_t> order;  // this tensor's dimension i is the file's dimension order[i]; empty: as it is
    std::array<index_t, 3> flattened{};
  };

  [[nodiscard]] std::string where() const { return path_.string(); }
  [[nodiscard]] const Entry& entry(const std::string& name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) fail(where(), "has no tensor ", in_quotes(name));
    return found->second;
  }
  static detail::Hdf5Id open(const std::filesystem::path& path) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // the library would print its own story
    const File check(path, O_RDONLY);             // a better message for a file that is not there
    detail::Hdf5Id file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
    if (check.size() == 0 || !file.valid()) fail(path.string(), "is not an HDF5 file, or cut short; fetch it again");
    return file;
  }
  [[nodiscard]] detail::Hdf5Id open_root() const {
    const bool whole_model = H5Lexists(file_, "model_weights", H5P_DEFAULT) > 0;
    detail::Hdf5Id root(H5Gopen2(file_, whole_model ? "model_weights" : "/", H5P_DEFAULT), H5Gclose);
    if (!root.valid()) fail(where(), "the weights' group cannot be opened", detail::damaged);
    return root;
  }

  /// "kernel", "bias", ... from "block1_conv1/kernel:0", "lstm/lstm_cell/kernel:0" or Keras 1's "block1_conv1_W_1:0".
  [[nodiscard]] static std::string role(const std::string& weight) {
    std::string name = weight.substr(weight.rfind('/') + 1);
    name = name.substr(0, name.find(':'));
    const std::size_t digits = name.find_last_not_of("0123456789");
    if (digits != std::string::npos && digits + 1 < name.size() && name[digits] == '_') name = name.substr(0, digits);
    if (name.size() > 2 && name.substr(name.size() - 2) == "_W") return "kernel";
    if (name.size() > 2 && name.substr(name.size() - 2) == "_b") return "bias";
    return name;
  }

  void add_layer(const std::string& layer) {
    const detail::Hdf5Id group(H5Gopen2(root_, layer.c_str(), H5P_DEFAULT), H5Gclose);
    if (!group.valid()) fail(where(), "the layer ", in_quotes(layer), " is listed but absent", detail::damaged);
    std::map<std::string, std::string> weights;
    for (const std::string& weight : detail::hdf5_list(group, "weight_names", where()))
      weights[role(weight)] = layer + "/" + weight;
    const bool recurrent = weights.count("recurrent_kernel") > 0;
    for (const auto& [kind, dataset] : weights) {
      const std::vector<index_t> shape = shape_of(dataset);
      const index_t rank = static_cast<index_t>(shape.size());
      if (recurrent) {
        if (kind == "kernel" && rank == 2)
          add(layer + ".weight_ih_l0", dataset, shape, {1, 0});
        else if (kind == "recurrent_kernel" && rank == 2 && shape[1] == 4 * shape[0])
          add(layer + ".weight_hh_l0", dataset, shape, {1, 0});
        else if (kind == "bias" && rank == 1) {
          add(layer + ".bias_ih_l0", dataset, shape, {});
          add(layer + ".bias_hh_l0", "", shape, {});
        } else {
          fail(where(), "the recurrent layer ", in_quotes(layer), " is not an LSTM; only LSTM layers are understood");
        }
      } else if (kind == "kernel" && rank == 2) {
        add(layer + ".weight", dataset, shape, {1, 0});
      } else if (kind == "kernel" && rank == 4) {
        add(layer + ".weight", dataset, shape, {3, 2, 0, 1});
      } else if (kind == "depthwise_kernel" && rank == 4 && shape[3] == 1) {
        add(layer + ".weight", dataset, shape, {2, 3, 0, 1});
      } else {
        const std::map<std::string, std::string> plain{{"bias", ".bias"},
                                                       {"beta", ".bias"},
                                                       {"gamma", ".weight"},
                                                       {"embeddings", ".weight"},
                                                       {"moving_mean", ".running_mean"},
                                                       {"moving_variance", ".running_var"}};
        const auto found = plain.find(kind);
        if (found == plain.end())
          fail(where(), "the weight ", in_quotes(dataset), " of shape ", shape_text(shape), " is of no known kind");
        add(layer + found->second, dataset, shape, {});
      }
    }
  }

  [[nodiscard]] std::vector<index_t> shape_of(const std::string& dataset_name) const {
    const detail::Hdf5Id dataset(H5Dopen2(root_, dataset_name.c_str(), H5P_DEFAULT), H5Dclose);
    const detail::Hdf5Id space(dataset.valid() ? H5Dget_space(dataset) : -1, H5Sclose),
        type(dataset.valid() ? H5Dget_type(dataset) : -1, H5Tclose);
    const int rank = space.valid() ? H5Sget_simple_extent_ndims(space) : -1;
    if (rank < 0 || rank > 8 || H5Tget_class(type) != H5T_FLOAT)
      fail(where(), "the weights ", in_quotes(dataset_name), " are missing or not floating-point numbers",
           detail::damaged);
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space, extents.data(), nullptr);
    std::vector<index_t> shape;
    index_t bytes = 4;
    for (const hsize_t extent : extents) {
      if (extent > (hsize_t{1} << 40) || __builtin_mul_overflow(bytes, static_cast<index_t>(extent), &bytes) ||
          bytes > (index_t{1} << 34))
        fail(where(), "the weights ", in_quotes(dataset_name), " claim more than 16 GiB", detail::damaged);
      shape.push_back(static_cast<index_t>(extent));
    }
    return shape;
  }

  void add(const std::string& name, const std::string& dataset, const std::vector<index_t>& shape,
           std::vector<index_t> order) {
    Entry made;
    made.dataset = dataset;
    index_t bytes = 4;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      made.info.shape.push_back(shape[order.empty() ? i : static_cast<std::size_t>(order[i])]);
      bytes *= shape[i];
    }
    made.info.end = bytes;
    made.order = std::move(order);
    if (!entries_.emplace(name, made).second)
      fail(where(), "two weights would be named ", in_quotes(name), detail::damaged);
  }

  [[nodiscard]] static std::vector<float> turn(const Entry& entry, std::vector<float> stored) {
    if (entry.order.empty() || stored.empty()) return stored;
    const auto rank = static_cast<index_t>(entry.order.size());
    Shape in_file(std::vector<index_t>(entry.order.size(), 0));
    for (index_t i = 0; i < rank; ++i)
      in_file[entry.order[static_cast<std::size_t>(i)]] = entry.info.shape[static_cast<std::size_t>(i)];
    const Strides from = contiguous_strides(in_file);
    Strides strides;
    for (const index_t axis : entry.order) strides.push_back(from[axis]);
    std::vector<float> result;
    const Tensor<float> view = limn::from<float>(stored, in_file).as_view(Shape(entry.info.shape), strides);
    result = to_vector(view);
    const auto [channels, height, width] = entry.flattened;
    if (channels == 0) return result;
    const index_t inputs = channels * height * width;
    const Tensor<float> rows = limn::from<float>(result, {entry.info.shape[0], height, width, channels});
    return to_vector(
        rows.as_view({entry.info.shape[0], channels, height, width}, {inputs, 1, width * channels, channels}));
  }

  std::filesystem::path path_;
  detail::Hdf5Id file_, root_;
  std::map<std::string, Entry> entries_;
};

}  // namespace limn::inline LIMN_ABI::io

#endif  // LIMN_WITH_HDF5

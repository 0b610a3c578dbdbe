#include "retriever/gallery.hpp"

#include <cmath>
#include <numeric>

#include <limn/io/json.hpp>
#include <limn/io/safetensors.hpp>

#include "retriever/hnsw.hpp"

namespace limn::retriever {
namespace {

constexpr const char* format = "limn-gallery-1";

std::span<const std::byte> bytes_of(const auto& values) {
  return std::as_bytes(std::span(values.data(), values.size()));
}

}  // namespace

Gallery::Gallery(std::string model, std::string kind, index_t width)
    : model_(std::move(model)), kind_(std::move(kind)), width_(width) {}
Gallery::Gallery(Gallery&&) noexcept = default;
Gallery::~Gallery() = default;

Gallery Gallery::load(const std::string& path, const std::string& model) {
  const io::SafetensorsFile file(path);
  const auto said = [&](const char* key) {
    const auto found = file.metadata().find(key);
    if (found == file.metadata().end())
      fail(path, "is not a gallery; make one with 'retriever index FOLDER -o ", path, "'");
    return found->second;
  };
  if (said("format") != format) fail(path, "is not a gallery of this program; index the images again");
  const auto has = [&](const char* name, std::size_t rank, io::DType type) {
    if (!file.contains(name) || file.info(name).shape.size() != rank || file.info(name).dtype != type)
      fail(path, "lacks ", io::in_quotes(name), "; the file is damaged, index the images again");
  };
  has("vectors", 2, io::DType::f32);
  for (const char* name : {"level", "lower", "upper"}) has(name, 1, io::DType::i32);
  const auto& shape = file.info("vectors").shape;
  Gallery gallery(said("model"), said("kind"), shape[1]);
  if (gallery.model_ != model)
    fail(path, "was made by another model (", gallery.model_, ", of ", gallery.width_,
         " numbers an item) than this one (", model, "); index the images again, or name its checkpoint");
  gallery.names_ = io::parse_json(said("names"), path).get<std::vector<std::string>>();
  if (static_cast<index_t>(gallery.names_.size()) != shape[0])
    fail(path, "has ", gallery.names_.size(), " names for ", shape[0], " items; index the images again");
  gallery.vectors_ = file.read_as<float>("vectors");
  for (const float v : gallery.vectors_)
    if (!std::isfinite(v)) fail(path, "holds NaN or infinite values; index the images again");
  const io::Json graph = io::parse_json(said("graph"), path);
  const GraphArrays arrays{file.read_as<std::int32_t>("level"), file.read_as<std::int32_t>("lower"),
                           file.read_as<std::int32_t>("upper"), io::json_value<index_t>(graph, "entry", path),
                           io::json_value<index_t>(graph, "top_level", path)};
  gallery.capacity_ = shape[0];
  gallery.graph_ =
      std::make_unique<Hnsw>(Hnsw::from_arrays(shape[1], shape[0], shape[0], gallery.vectors_.data(), arrays, path));
  return gallery;
}

void Gallery::add(const std::vector<std::string>& names, const Tensor<float>& vectors) {
  const auto count = static_cast<index_t>(names.size()), before = size();
  check_shape("gallery", "vectors", vectors.shape(), {count, width_});
  vectors_.insert(vectors_.end(), vectors.data(), vectors.data() + count * width_);
  names_.insert(names_.end(), names.begin(), names.end());
  if (size() > capacity_) {
    capacity_ = std::max<index_t>(1024, 2 * size());
    const GraphArrays arrays = graph_ ? graph_->arrays() : GraphArrays{};
    graph_ = std::make_unique<Hnsw>(Hnsw::from_arrays(width_, before, capacity_, vectors_.data(), arrays, "gallery"));
  }
  for (index_t i = before; i < size(); ++i) graph_->add(vectors_.data() + i * width_);
}

std::vector<Hit> Gallery::search(const float* query, index_t k) const {
  std::vector<Hit> hits;
  if (size() == 0) return hits;
  for (const auto& [item, similarity] : graph_->search(query, std::min(k, size()), 100))
    hits.push_back({item, similarity});
  return hits;
}

std::vector<Hit> Gallery::search_exactly(const float* query, index_t k) const {
  std::vector<Hit> all;
  for (index_t i = 0; i < size(); ++i)
    all.push_back({i, std::inner_product(query, query + width_, vectors_.data() + i * width_, 0.0f)});
  const auto most = static_cast<std::ptrdiff_t>(std::min(k, size()));
  std::partial_sort(all.begin(), all.begin() + most, all.end(), [](const Hit& a, const Hit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.item < b.item;
  });
  all.resize(static_cast<std::size_t>(most));
  return all;
}

void Gallery::save(io::AtomicFile& file) const {
  const GraphArrays a = graph_ ? graph_->arrays() : GraphArrays{};
  const auto length = [](const auto& values) { return static_cast<index_t>(values.size()); };
  io::SafetensorsHeader header;
  header.metadata = {{"format", format},
                     {"model", model_},
                     {"kind", kind_},
                     {"names", io::Json(names_).dump(-1, ' ', false, io::Json::error_handler_t::replace)},
                     {"graph", io::dump_json({{"entry", a.entry}, {"top_level", a.top_level}})}};
  header.tensors["vectors"] = {io::DType::f32, {size(), width_}, 0, 0};
  header.tensors["level"] = {io::DType::i32, {length(a.level)}, 0, 0};
  header.tensors["lower"] = {io::DType::i32, {length(a.lower)}, 0, 0};
  header.tensors["upper"] = {io::DType::i32, {length(a.upper)}, 0, 0};
  const std::string head = io::format_safetensors_header(header, "gallery");
  const std::map<std::string, std::span<const std::byte>> bytes = {{"vectors", bytes_of(vectors_)},
                                                                   {"level", bytes_of(a.level)},
                                                                   {"lower", bytes_of(a.lower)},
                                                                   {"upper", bytes_of(a.upper)}};
  std::vector<std::pair<index_t, std::string>> order;
  for (const auto& [name, info] : header.tensors)
    if (info.bytes() > 0) order.emplace_back(info.begin, name);
  std::sort(order.begin(), order.end());
  file.write(head);
  for (const auto& entry : order) file.write(bytes.at(entry.second));
  file.commit();
}

}  // namespace limn::retriever

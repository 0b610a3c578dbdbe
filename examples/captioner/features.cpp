#include "captioner/features.hpp"

#include <algorithm>

#include <limn/data/flickr8k.hpp>
#include <limn/image/decode.hpp>
#include <limn/io/safetensors_rows.hpp>
#include <limn/ops/cast.hpp>

#include "captioner/encoder.hpp"
#include "shared/errors.hpp"
#include "shared/progress.hpp"

namespace limn::captioner {
namespace {

std::span<const std::byte> bytes_of(const auto& tensor) {
  return std::as_bytes(std::span(tensor.data(), static_cast<std::size_t>(tensor.numel())));
}

}  // namespace

int compute_features(const FeatureOptions& options) {
  const data::CaptionData data = data::read_flickr8k(options.data, {.splits = options.splits});
  for (const std::string& note : data.notes) std::fprintf(stderr, "captioner: note: %s\n", note.c_str());
  std::vector<std::string> names;
  std::vector<std::filesystem::path> paths;
  for (const std::string& split : options.splits) {
    const auto& members = data.split(split);
    const std::size_t most = options.limit > 0 ? static_cast<std::size_t>(options.limit) : members.size();
    for (std::size_t k = 0; k < std::min(most, members.size()); ++k) {
      const data::CaptionedImage& image = data.images[static_cast<std::size_t>(members[k])];
      names.push_back(image.file);
      paths.push_back(image.path);
    }
  }
  if (names.empty()) fail(options.data, "the splits hold no images; name others with --split");
  return write_features(options, names, paths, "captioner");
}

int write_features(const FeatureOptions& options, const std::vector<std::string>& names,
                   const std::vector<std::filesystem::path>& paths, const char* program) {
  NoGradGuard no_grad;
  const auto encoder = make_encoder(options.encoder, options.weights);
  encoder->prepack();
  const index_t count = static_cast<index_t>(names.size()), places = 49;
  std::map<std::string, io::SafetensorsRows::Column> columns = {
      {"pooled", {io::DType::f32, {count, encoder->pooled_size()}}}};
  if (options.grid) columns["grid"] = {io::DType::f16, {count, places, encoder->channels()}};
  io::Json weights = io::Json::array();
  for (const std::string& file : options.weights) weights.push_back(file);
  io::SafetensorsRows out(
      options.out, columns,
      {{"encoder", encoder->name()}, {"weights", io::dump_json(weights)}, {"images", io::dump_json(io::Json(names))}});

  app::watch_signals();
  app::Progress progress("features", count, options.quiet);
  progress.resume_at(out.rows_done());
  index_t marked = out.rows_done();
  for (index_t first = out.rows_done(); first < count; first += options.batch) {
    const index_t batch = std::min(options.batch, count - first);
    std::vector<image::Image> pictures(static_cast<std::size_t>(batch));
    kernels::parallel_for(batch, 1, [&](index_t begin, index_t end) {
      for (index_t k = begin; k < end; ++k)
        pictures[static_cast<std::size_t>(k)] = image::decode_file(paths[static_cast<std::size_t>(first + k)]);
    });
    const Encoder::Features features = (*encoder)(pictures);
    out.write_rows("pooled", first, batch, bytes_of(features.pooled));
    if (options.grid) out.write_rows("grid", first, batch, bytes_of(cast<f16>(features.grid)));
    progress.advance(batch);
    if (first + batch - marked >= 256 || first + batch == count || app::stop_requested()) {
      out.mark_done(first + batch);
      marked = first + batch;
    }
    if (app::stop_requested()) {
      std::fprintf(stderr, "%s: stopped after %lld of %lld images; the same command goes on from here\n", program,
                   static_cast<long long>(marked), static_cast<long long>(count));
      return app::stopped_status();
    }
  }
  progress.finish();
  out.commit();
  if (!options.quiet) std::printf("%lld images -> %s\n", static_cast<long long>(count), options.out.c_str());
  return 0;
}

FeatureFile::FeatureFile(const std::string& path) : file_(path) {
  const auto& metadata = file_.metadata();
  if (!metadata.count("encoder") || !metadata.count("images") || !file_.contains("pooled"))
    fail(path, "is not a features file; make one with 'captioner features'");
  encoder_ = metadata.at("encoder");
  const io::Json names = io::parse_json(metadata.at("images"), path);
  const auto& shape = file_.info("pooled").shape;
  if (!names.is_array() || shape.size() != 2 || static_cast<index_t>(names.size()) != shape[0] ||
      file_.info("pooled").dtype != io::DType::f32)
    fail(path, "its list of images does not fit its rows; make it again with 'captioner features'");
  if (has_grid()) {
    const io::TensorInfo& grid = file_.info("grid");
    if (grid.shape.size() != 3 || grid.shape[0] != shape[0] || grid.dtype != io::DType::f16)
      fail(path, "its grid does not fit its rows; make it again with 'captioner features --grid'");
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].is_string()) rows_[names[i].get<std::string>()] = static_cast<index_t>(i);
}

index_t FeatureFile::row(const std::string& image) const {
  const auto found = rows_.find(image);
  if (found == rows_.end())
    fail(file_.path().string(), "has no features of ", image,
         "; compute them with 'captioner features' for this split");
  return found->second;
}

models::ImageFeatures<float> FeatureFile::read(const std::vector<index_t>& rows, bool grid) const {
  const index_t count = static_cast<index_t>(rows.size());
  const auto fill = [&](const char* name, const auto& tensor, index_t row_size) {
    for (index_t k = 0; k < count; ++k)
      file_.read_rows(
          name, rows[static_cast<std::size_t>(k)], 1,
          std::as_writable_bytes(std::span(tensor.data() + k * row_size, static_cast<std::size_t>(row_size))));
  };
  models::ImageFeatures<float> features;
  features.pooled = Tensor<float>({count, pooled_size()});
  fill("pooled", features.pooled, pooled_size());
  if (!grid) return features;
  if (!has_grid())
    fail(file_.path().string(),
         "has no grid, which the attention captioner needs; compute it with 'captioner features --grid'");
  const Tensor<f16> narrow({count, places(), channels()});
  fill("grid", narrow, places() * channels());
  features.grid = cast<float>(narrow);
  return features;
}

}  // namespace limn::captioner

#include "captioner/features.hpp"

#include <algorithm>

#include <limn/io/safetensors_rows.hpp>
#include <limn/ops/cast.hpp>

#include "captioner/encoder.hpp"
#include "shared/errors.hpp"
#include "shared/image_files.hpp"
#include "shared/progress.hpp"

namespace limn::captioner {
namespace {

std::span<const std::byte> bytes_of(const auto& tensor) {
  return std::as_bytes(std::span(tensor.data(), static_cast<std::size_t>(tensor.numel())));
}

}  // namespace

std::vector<View> photographs(const data::CaptionData& data, const std::vector<index_t>& members,
                              const std::vector<std::string>& folders, index_t limit) {
  std::vector<View> views;
  const auto wanted = [&](std::size_t count) {
    return limit > 0 ? std::min(count, static_cast<std::size_t>(limit)) : count;
  };
  for (std::size_t k = 0; k < wanted(members.size()); ++k) {
    const data::CaptionedImage& image = data.images[static_cast<std::size_t>(members[k])];
    views.push_back({image.file, image.path, {}});
  }
  for (const std::string& folder : folders) {
    const std::vector<std::string> files = app::images_in(folder);
    for (std::size_t k = 0; k < wanted(files.size()); ++k) views.push_back({files[k], files[k], {}});
  }
  return views;
}

int compute_features(const FeatureOptions& options) {
  const data::CaptionData data = data::read_flickr8k(options.data, {.splits = options.splits});
  for (const std::string& note : data.notes) std::fprintf(stderr, "captioner: note: %s\n", note.c_str());
  std::vector<View> views;
  const auto add = [&](const std::vector<View>& photographs, bool parts) {
    for (const View& view : photographs) {
      views.push_back(view);
      for (index_t k = 0; parts && k < options.parts; ++k)
        views.push_back({view.photograph, view.file, random_part(view.photograph, k)});
    }
  };
  for (const std::string& split : options.splits)
    add(photographs(data, data.split(split), {}, options.limit), split == "train");
  add(photographs(data, {}, options.also, options.limit), true);
  if (views.empty()) fail(options.data, "the splits hold no images; name others with --split");
  return write_features(options, views, "captioner");
}

int write_features(const FeatureOptions& options, const std::vector<View>& views, const char* program) {
  NoGradGuard no_grad;
  const auto encoder = make_encoder(options.encoder, options.weights);
  if (options.device == cpu_device)
    encoder->prepack();
  else
    encoder->to(options.device);
  const index_t count = static_cast<index_t>(views.size()), places = 49;
  std::map<std::string, io::SafetensorsRows::Column> columns = {
      {"pooled", {io::DType::f32, {count, encoder->pooled_size()}}}};
  if (options.grid) columns["grid"] = {io::DType::f16, {count, places, encoder->channels()}};
  io::Json weights = io::Json::array(), names = io::Json::array();
  for (const View& view : views) names.push_back(view_name(view.photograph, view.part));
  for (const std::string& file : options.weights) weights.push_back(file);
  io::SafetensorsRows out(
      options.out, columns,
      {{"encoder", encoder->name()}, {"weights", io::dump_json(weights)}, {"images", io::dump_json(names)}});

  app::watch_signals();
  app::Progress progress("features", count, options.quiet);
  progress.resume_at(out.rows_done());
  index_t marked = out.rows_done();
  for (index_t first = out.rows_done(); first < count; first += options.batch) {
    const index_t batch = std::min(options.batch, count - first);
    std::vector<image::Image> pictures(static_cast<std::size_t>(batch));
    kernels::parallel_for(batch, 1, [&](index_t begin, index_t end) {
      for (index_t k = begin; k < end; ++k)
        pictures[static_cast<std::size_t>(k)] = picture_of(views[static_cast<std::size_t>(first + k)]);
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
    if (names[i].is_string()) {
      ParsedView view = parse_view(names[i].get<std::string>());
      rows_[std::move(view.photograph)].push_back({view.part, static_cast<index_t>(i)});
    }
}

index_t FeatureFile::row(const std::string& image) const {
  const ParsedView view = parse_view(image);
  const auto found = rows_.find(view.photograph);
  if (found != rows_.end())
    for (const PartRow& each : found->second)
      if (each.part == view.part) return each.row;
  fail_missing(image);
}

const std::vector<FeatureFile::PartRow>& FeatureFile::parts(const std::string& photograph) const {
  const auto found = rows_.find(photograph);
  if (found == rows_.end()) fail_missing(photograph);
  return found->second;
}

void FeatureFile::fail_missing(const std::string& image) const {
  fail(file_.path().string(), "has no features of ", image, "; compute them with 'captioner features' for this split");
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

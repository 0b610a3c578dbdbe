// Kind preproc: the stages of every image processor.

#include <limn/image/decode.hpp>
#include <limn/image/transform.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

using image::Image;
using image::Planes;
using image::Size;

/// What a stage gives: numbers in the layout of the pipeline ("HWC" of uint8 stages, ...).
struct Result {
  std::string layout;
  std::vector<index_t> shape;
  std::vector<double> values;
};

[[nodiscard]] Result of_image(const Image& x) {
  return {"HWC", {x.height, x.width, x.channels}, {x.pixels.begin(), x.pixels.end()}};
}
[[nodiscard]] Result of_planes(const Planes& x) {
  const bool hwc = x.layout == image::Layout::hwc;
  return {
      hwc ? "HWC" : "CHW",
      hwc ? std::vector<index_t>{x.height, x.width, x.channels} : std::vector<index_t>{x.channels, x.height, x.width},
      {x.values.begin(), x.values.end()}};
}
[[nodiscard]] Result of_size(const Image& x) {
  return {"shape", {2}, {static_cast<double>(x.height), static_cast<double>(x.width)}};
}

/// The numbers in another order of axes and with every stride-th row and column only.
[[nodiscard]] Result arranged(const Result& x, std::string layout, index_t stride, const std::string& where) {
  if (x.layout == layout && (stride == 1 || layout == "shape")) return x;
  const bool drops_channel = layout.find('C') == std::string::npos && x.layout.find('C') != std::string::npos;
  if (drops_channel) layout += 'C';
  if (!std::is_permutation(layout.begin(), layout.end(), x.layout.begin(), x.layout.end()))
    fail(where, "the layout ", layout, " cannot be made of ", x.layout);
  Result y{layout, {}, {}};
  std::vector<index_t> steps;
  index_t count = 1;
  for (const char axis : layout) {
    const std::size_t at = x.layout.find(axis);
    index_t step = 1;
    for (std::size_t i = at + 1; i < x.shape.size(); ++i) step *= x.shape[i];
    const index_t skip = axis == 'H' || axis == 'W' ? stride : 1;
    y.shape.push_back((x.shape[at] + skip - 1) / skip);
    steps.push_back(step * skip);
    count *= y.shape.back();
  }
  std::vector<index_t> at(layout.size(), 0);
  for (index_t i = 0; i < count; ++i) {
    index_t from = 0;
    for (std::size_t d = 0; d < at.size(); ++d) from += at[d] * steps[d];
    y.values.push_back(x.values[static_cast<std::size_t>(from)]);
    for (std::size_t d = at.size(); d-- > 0 && ++at[d] == y.shape[d];) at[d] = 0;
  }
  if (drops_channel) {
    if (y.shape.back() != 1) fail(where, "several channels do not fit the layout without C");
    y.shape.pop_back();
  }
  return y;
}

/// {"height": h, "width": w}, [h, w] or one number for both.
[[nodiscard]] Size size_option(const io::Json& value, const std::string& where) {
  if (value.is_object())
    return {io::json_value<index_t>(value, "height", where), io::json_value<index_t>(value, "width", where)};
  if (value.is_array() && value.size() == 1) return size_option(value[0], where);
  if (value.is_array() && value.size() == 2) return {value[0].get<index_t>(), value[1].get<index_t>()};
  if (value.is_number_integer()) return {value.get<index_t>(), value.get<index_t>()};
  fail(where, "not a size: ", io::dump_json(value));
}

/// `resample` or `interpolation` by name, or by Pillow's number.
[[nodiscard]] image::Filter filter_option(Options& options, const std::string& key, image::Filter otherwise) {
  if (!options.has(key)) return otherwise;
  const io::Json& value = options.at(key);
  if (value.is_string()) return image::filter_named(value.get<std::string>(), options.where());
  constexpr image::Filter numbered[] = {image::Filter::nearest, image::Filter::lanczos, image::Filter::bilinear,
                                        image::Filter::bicubic, image::Filter::box,     image::Filter::hamming};
  const auto number = options.get<std::size_t>(key);
  if (number >= std::size(numbered)) fail(options.where(), "no filter has the number ", number);
  return numbered[number];
}

[[nodiscard]] image::NormaliseOptions float_options(Options& options, image::NormaliseOptions floats) {
  for (const char* key : {"image_mean", "mean"}) floats.mean = options.get<image::Triple>(key, floats.mean);
  for (const char* key : {"image_std", "std"}) floats.deviation = options.get<image::Triple>(key, floats.deviation);
  floats.scale = options.get<double>("rescale_factor", floats.scale);
  if (!options.get<bool>("do_rescale", true)) floats.scale = 1;
  if (!options.get<bool>("do_normalize", true)) {
    floats.mean = {0, 0, 0};
    floats.deviation = {1, 1, 1};
  }
  options.ignore("do_convert_rgb");
  return floats;
}

[[nodiscard]] Result run_blip(const Image& rgb, const std::string& stage, Options& options) {
  image::BlipOptions o;
  o.do_resize = options.get<bool>("do_resize", true);
  if (options.has("size")) o.size = size_option(options.at("size"), options.where());
  o.resample = filter_option(options, "resample", o.resample);
  o.floats = float_options(options, o.floats);
  options.done();
  if (stage == "resized_shape_hw") return of_size(blip_resize(rgb, o));
  if (stage == "resized_u8") return of_image(blip_resize(rgb, o));
  if (stage == "pixel_values") return of_planes(blip(rgb, o));
  fail(options.where(), "unknown stage ", stage);
}

[[nodiscard]] Result run_clip(const Image& rgb, const std::string& stage, Options& options) {
  image::ClipOptions o;
  o.do_resize = options.get<bool>("do_resize", true);
  o.do_center_crop = options.get<bool>("do_center_crop", true);
  if (options.has("size")) {
    const io::Json& size = options.at("size");
    if (size.is_object() && size.contains("shortest_edge"))
      o.shortest_edge = io::json_value<index_t>(size, "shortest_edge", options.where());
    else if (size.is_number_integer())
      o.shortest_edge = size.get<index_t>();
    else
      o.size = size_option(size, options.where());
  }
  if (options.has("crop_size")) o.crop_size = size_option(options.at("crop_size"), options.where());
  o.resample = filter_option(options, "resample", o.resample);
  o.floats = float_options(options, o.floats);
  options.done();
  if (stage == "resized_shape_hw") return of_size(clip_resize(rgb, o));
  if (stage == "resized_u8") return of_image(clip_resize(rgb, o));
  if (stage == "crop_u8") return of_image(clip_crop(clip_resize(rgb, o), o));
  if (stage == "pixel_values") return of_planes(clip(rgb, o));
  fail(options.where(), "unknown stage ", stage);
}

[[nodiscard]] Result run_vilt(const std::vector<Image>& images, const std::string& stage, Options& options) {
  image::ViltOptions o;
  o.do_resize = options.get<bool>("do_resize", true);
  if (options.has("size")) {
    const io::Json& size = options.at("size");
    o.shortest_edge = size.is_number_integer() ? size.get<index_t>()
                                               : io::json_value<index_t>(size, "shortest_edge", options.where());
  }
  o.size_divisor = options.get<index_t>("size_divisor", o.size_divisor);
  o.resample = filter_option(options, "resample", o.resample);
  o.floats = float_options(options, o.floats);
  options.ignore("do_pad");
  options.done();
  if (stage == "resized_shape_hw") return of_size(vilt_resize(images[0], o));
  if (stage == "resized_u8") return of_image(vilt_resize(images[0], o));
  std::vector<Planes> planes;
  for (const Image& rgb : images) planes.push_back(vilt(rgb, o));
  if (stage == "pixel_values" && planes.size() == 1) return of_planes(planes[0]);
  const image::PaddedBatch batch = pad_batch(planes);
  if (stage == "batch_pixel_values" || stage == "pixel_values")
    return {
        "NCHW", {batch.count, batch.channels, batch.height, batch.width}, {batch.values.begin(), batch.values.end()}};
  if (stage == "pixel_mask" && planes.size() == 1)
    return {"HW", {batch.height, batch.width}, {batch.mask.begin(), batch.mask.end()}};
  if (stage == "batch_pixel_mask" || stage == "pixel_mask")
    return {"NHW", {batch.count, batch.height, batch.width}, {batch.mask.begin(), batch.mask.end()}};
  fail(options.where(), "unknown stage ", stage);
}

[[nodiscard]] Result run_torchvision(const Image& rgb, const std::string& stage, Options& options) {
  image::TorchvisionOptions o;
  if (options.has("resize")) {
    const io::Json& value = options.at("resize");
    if (value.is_array() && value.size() == 2)
      o.resize_to = size_option(value, options.where());
    else
      o.resize = size_option(value, options.where()).height;
  }
  if (options.has("crop")) o.crop = size_option(options.at("crop"), options.where());
  o.interpolation = filter_option(options, "interpolation", o.interpolation);
  o.floats = float_options(options, o.floats);
  options.done();
  if (stage == "resized_shape_hw") return of_size(torchvision_resize(rgb, o));
  if (stage == "resized_u8") return of_image(torchvision_resize(rgb, o));
  if (stage == "crop_u8") return of_image(torchvision_crop(torchvision_resize(rgb, o), o));
  if (stage == "pixel_values") return of_planes(torchvision(rgb, o));
  fail(options.where(), "unknown stage ", stage);
}

[[nodiscard]] Result run_keras(const Image& rgb, const std::string& stage, Options& options) {
  image::KerasOptions o;
  if (options.has("target_size")) o.target_size = size_option(options.at("target_size"), options.where());
  o.interpolation = filter_option(options, "interpolation", o.interpolation);
  const std::string mode = options.get<std::string>("mode", "caffe");
  if (mode != "caffe" && mode != "tf" && mode != "torch") fail(options.where(), "unknown mode ", mode);
  o.mode = mode == "caffe" ? image::KerasMode::caffe : mode == "tf" ? image::KerasMode::tf : image::KerasMode::torch;
  options.done();
  if (stage == "resized_shape_hw") return of_size(keras_resize(rgb, o));
  if (stage == "resized_u8") return of_image(keras_resize(rgb, o));
  if (stage == "preprocessed") return of_planes(keras(rgb, o));
  fail(options.where(), "unknown stage ", stage);
}

[[nodiscard]] Result run_pil(const Image& rgb, const std::string& stage, Options& options) {
  const std::string mode = options.get<std::string>("mode", "RGB");
  if (mode != "RGB" && mode != "L") fail(options.where(), "unknown mode ", mode);
  const Image source = mode == "L" ? image::to_grey(rgb) : rgb;
  if (stage == "to_L") {
    options.done();
    return of_image(image::to_grey(rgb));
  }
  if (stage != "resized_u8") fail(options.where(), "unknown stage ", stage);
  const std::vector<index_t> size = options.list("size_wh", 2, 0);
  const image::Filter filter = filter_option(options, "filter", image::Filter::bicubic);
  options.done();
  return of_image(resize(source, size[0], size[1], filter));
}

[[nodiscard]] Result run_stage(const std::string& pipeline, const std::string& stage, const std::vector<Image>& images,
                               Options& options) {
  if (pipeline == "vilt") return run_vilt(images, stage, options);
  if (images.size() != 1) fail(options.where(), "the pipeline ", pipeline, " takes one image");
  const Image& rgb = images[0];
  if (pipeline == "blip") return run_blip(rgb, stage, options);
  if (pipeline == "clip") return run_clip(rgb, stage, options);
  if (pipeline == "torchvision") return run_torchvision(rgb, stage, options);
  if (pipeline == "keras") return run_keras(rgb, stage, options);
  if (pipeline == "pil") return run_pil(rgb, stage, options);
  if (pipeline != "decode" || stage != "decoded_u8")
    fail(options.where(), "unknown pipeline ", pipeline, " or stage ", stage);
  options.done();
  return of_image(rgb);
}

}  // namespace

void check_preproc(const std::filesystem::path& folder, Report& report) {
  const Fixture fixture(folder);
  for (const io::Json& entry : fixture.cases()) {
    const std::string where = (folder / "config.json").string();
    const std::string name = io::json_value<std::string>(entry, "tensor", where);
    report.guard(name, [&] {
      std::vector<Image> images;
      const io::Json& files = entry.at("image");
      if (files.is_array())
        for (const io::Json& file : files) images.push_back(image::decode_file(folder / file.get<std::string>()));
      else
        images.push_back(image::decode_file(folder / files.get<std::string>()));
      Options options(entry.value("options", io::Json::object()), name);
      const Result result = run_stage(io::json_value<std::string>(entry, "pipeline", name),
                                      io::json_value<std::string>(entry, "stage", name), images, options);
      const Result arranged_result = arranged(result, io::json_value<std::string>(entry, "layout", name),
                                              io::json_value_or<index_t>(entry, "stride", 1, name), name);
      report.tensor(name, arranged_result.values, arranged_result.shape);
    });
  }
}

}  // namespace limn::golden

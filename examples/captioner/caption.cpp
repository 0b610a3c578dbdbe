#include "captioner/caption.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include <unistd.h>

#include <limn/image/decode.hpp>
#include <limn/image/transform.hpp>

#include "captioner/captioner.hpp"
#include "captioner/colours.hpp"
#include "captioner/default_checkpoint.hpp"
#include "shared/errors.hpp"
#include "shared/html_sheet.hpp"
#include "shared/image_files.hpp"
#include "shared/sheet_image.hpp"

namespace limn::captioner {
namespace {

constexpr const char* standard_input = "standard input";

/// One image to caption: a path, or bytes that came on standard input.
struct Input {
  std::string name;
  std::string bytes;  ///< of standard input; else empty and `name` is the path
};

/// Says what is wrong with one input on one line of standard error.
void report(const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "captioner: %s\n", app::one_line(message).c_str());
}

/// The message of an exception that is being handled.
std::string message_of(const std::string& name) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return name + ": there is not enough memory for this image; shrink it";
  } catch (const std::exception& error) {
    const std::string message = error.what();
    return message.starts_with(name)
               ? message
               : name + ": cannot be captioned (" + message + "); resize it to ordinary proportions";
  }
}

bool looks_like_image(std::string_view bytes) {
  if (app::image_media_type(bytes.substr(0, 12)) == "image/bmp")
    return bytes.substr(0, 64).find('\0') != std::string_view::npos;
  if (!app::image_media_type(bytes).empty()) return true;
  return bytes.size() > 3 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6') &&
         (bytes[2] == '\n' || bytes[2] == ' ') && (bytes[3] == '#' || (bytes[3] >= '0' && bytes[3] <= '9'));
}

/// The inputs one by one; those that are none are reported and counted.
class Inputs {
 public:
  explicit Inputs(index_t limit) : limit_(limit) {}
  [[nodiscard]] const std::vector<Input>& all() const { return all_; }
  [[nodiscard]] bool failed() const { return failed_; }

  void add(const std::string& name) {
    try {
      if (name == "-") return add_standard_input();
      std::error_code ignored;
      if (std::filesystem::is_directory(name, ignored)) return add_folder(name);
      push({name, ""});
    } catch (const std::exception& error) {
      report(error.what());
      failed_ = true;
    }
  }

 private:
  void push(Input input) {
    if (limit_ == 0 || static_cast<index_t>(all_.size()) < limit_) all_.push_back(std::move(input));
  }
  void add_folder(const std::string& folder) {
    for (std::string& file : app::images_in(folder)) push({std::move(file), ""});
  }
  void add_standard_input() {
    std::string bytes;
    char chunk[65536];
    for (ssize_t got; (got = ::read(STDIN_FILENO, chunk, sizeof chunk)) != 0;) {
      if (got < 0) fail(standard_input, "cannot be read; pass an image or paths, one a line");
      bytes.append(chunk, static_cast<std::size_t>(got));
      if (bytes.size() > (std::size_t{1} << 30))
        fail(standard_input, "is over 1 GiB; pass one image, or paths one a line");
    }
    if (looks_like_image(bytes)) return push({standard_input, std::move(bytes)});
    if (bytes.find('\0') != std::string::npos)
      fail(standard_input,
           "is neither a PNG, JPEG, BMP or PNM image nor paths, one a line; convert the image to one of these");
    bool any = false;
    for (std::size_t begin = 0; begin < bytes.size();) {
      const std::size_t end = std::min(bytes.find('\n', begin), bytes.size());
      std::string line = bytes.substr(begin, end - begin);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty() && line != "-") {
        any = true;
        add(line);
      }
      begin = end + 1;
    }
    if (!any) fail(standard_input, "is empty; pass an image or paths, one a line");
  }

  index_t limit_;
  std::vector<Input> all_;
  bool failed_ = false;
};

/// The part of a picture that the captioner's grid covers: all of it, or the square that the encoder cuts out of its
/// middle.
image::Image seen_part(const image::Image& picture, const Captioner& captioner,
                       const std::vector<std::string>& weights) {
  const bool squashes =
      captioner.reads_pictures() || std::any_of(weights.begin(), weights.end(), [](const std::string& file) {
        return file.ends_with(".h5") || file.ends_with(".hdf5");
      });
  if (!captioner.architecture().attends() || squashes) return picture;
  return image::torchvision_crop(image::torchvision_resize(picture));
}

std::vector<app::WordHeat> heat_of(const Captioner& captioner, const generate::Hypothesis& hypothesis) {
  std::vector<app::WordHeat> heat;
  for (std::size_t w = 0; w < std::min(hypothesis.words.size(), hypothesis.attention.size()); ++w) {
    const std::vector<float>& weights = hypothesis.attention[w];
    const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(weights.size()))));
    if (static_cast<std::size_t>(side) * static_cast<std::size_t>(side) != weights.size()) return {};
    heat.push_back({captioner.vocabulary().word(hypothesis.words[w]), weights, side, side});
  }
  return heat;
}

/// Captions inputs, a few at a time, and prints them in order.
class Run {
 public:
  Run(const CaptionOptions& options, const Captioner& captioner, const Encoder* encoder,
      std::vector<std::string> weights)
      : options_(options), captioner_(captioner), encoder_(encoder), weights_(std::move(weights)) {
    sheet_.title = "Captions";
    colours_ = colour_words(captioner.vocabulary());
  }

  void caption(const std::vector<Input>& inputs, std::size_t first, std::size_t count) {
    std::vector<image::Image> pictures(count);
    std::vector<std::string> problems(count), shown(count);
    kernels::parallel_for(static_cast<index_t>(count), 1, [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) {
        const std::size_t k = static_cast<std::size_t>(i);
        const Input& input = inputs[first + k];
        try {
          pictures[k] =
              input.bytes.empty()
                  ? image::decode_file(input.name)
                  : image::decode_bytes(std::as_bytes(std::span(input.bytes.data(), input.bytes.size())), input.name);
          if (!options_.html.empty()) shown[k] = app::sheet_image(seen_part(pictures[k], captioner_, weights_));
        } catch (...) {
          problems[k] = message_of(input.name);
        }
      }
    });
    std::vector<image::Image> good;
    std::vector<std::size_t> which;
    for (std::size_t k = 0; k < count; ++k)
      if (problems[k].empty()) {
        which.push_back(k);
        good.push_back(std::move(pictures[k]));
      }
    std::vector<Found> found(count);
    describe(good, which, inputs, first, problems, found);
    for (std::size_t k = 0; k < count; ++k) {
      if (problems[k].empty())
        print(inputs[first + k].name, found[k], shown[k]);
      else {
        report(problems[k]);
        failed_ = true;
      }
    }
    std::fflush(stdout);
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] const app::Sheet& sheet() const { return sheet_; }

 private:
  struct Found {
    std::vector<generate::Hypothesis> captions;
    std::optional<double> unlike;  ///< as Familiarity says it
  };
  /// All at once; when that fails, one by one, so that a single picture (a line of 1 x 60000 pixels, say) spoils no
  /// other.
  void describe(const std::vector<image::Image>& pictures, const std::vector<std::size_t>& which,
                const std::vector<Input>& inputs, std::size_t first, std::vector<std::string>& problems,
                std::vector<Found>& found) const {
    if (pictures.empty()) return;
    try {
      const models::ImageFeatures<float> features = features_of(captioner_, encoder_, pictures);
      kernels::parallel_for(static_cast<index_t>(pictures.size()), 1, [&](index_t begin, index_t end) {
        for (index_t k = begin; k < end; ++k) {
          const std::size_t i = static_cast<std::size_t>(k);
          Found& one = found[which[i]];
          generate::BeamOptions search = options_.search.with(captioner_, options_.beam);
          search.nbest = options_.nbest;
          if (is_grey(pictures[i])) search.forbidden = colours_;
          one.captions = captioner_.describe(features, k, search);
          if (captioner_.familiarity()) one.unlike = captioner_.familiarity()->unlike(features.pooled, k);
        }
      });
    } catch (...) {
      if (pictures.size() == 1) {
        problems[which[0]] = message_of(inputs[first + which[0]].name);
        return;
      }
      for (std::size_t k = 0; k < pictures.size(); ++k)
        describe({pictures[k]}, {which[k]}, inputs, first, problems, found);
    }
  }

  void print(const std::string& name, const Found& found, const std::string& shown) {
    const bool unlike = found.unlike && *found.unlike >= Familiarity::threshold;
    if (unlike) report(name + ": unlike the photographs that the captioner learned from; its caption is a guess");
    io::Json list = io::Json::array();
    app::SheetItem item{.name = name, .image = shown};
    for (const generate::Hypothesis& hypothesis : found.captions) {
      const std::string words = captioner_.words(hypothesis);
      if (options_.json)
        list.push_back({{"caption", words}, {"log_probability", hypothesis.log_probability}});
      else
        std::printf("%s\t%s\t%.4f\n", app::one_line(name).c_str(), words.c_str(), hypothesis.log_probability);
      item.captions.push_back({words, app::score_text("log p", hypothesis.log_probability)});
    }
    if (options_.json) {
      io::Json line{{"image", name}, {"captions", list}};
      if (found.unlike) line["unlike"] = *found.unlike;
      // A file's name need not be UTF-8; JSON must be.
      std::printf("%s\n", line.dump(-1, ' ', false, io::Json::error_handler_t::replace).c_str());
    }
    if (options_.html.empty()) return;
    if (unlike) item.name += " (unlike what the captioner learned from: a guess)";
    if (!found.captions.empty()) item.heat = heat_of(captioner_, found.captions[0]);
    sheet_.items.push_back(std::move(item));
  }

  const CaptionOptions& options_;
  const Captioner& captioner_;
  const Encoder* encoder_;
  std::vector<std::string> weights_;
  std::vector<std::int64_t> colours_;  ///< words that no grey picture shows
  app::Sheet sheet_;
  bool failed_ = false;
};

}  // namespace

int caption(const CaptionOptions& given) {
  CaptionOptions options = given;
  if (options.nbest > options.beam)
    fail("--nbest", options.nbest, " captions cannot come from a beam of ", options.beam, "; widen it with --beam ",
         options.nbest);
  options.search.check();
  const std::string checkpoint = checkpoint_named(options.checkpoint, "photographs");
  const Captioner captioner = Captioner::load(checkpoint);
  // "--weights a b image.jpg": what comes after one file for each encoder is images.
  const std::string& encoders = captioner.architecture().encoder;
  const auto needed = captioner.reads_pictures() ? 0 : 1 + std::count(encoders.begin(), encoders.end(), '+');
  if (static_cast<std::ptrdiff_t>(options.weights.size()) > needed && !options.weights.empty()) {
    options.inputs.insert(options.inputs.begin(), options.weights.begin() + std::max<std::ptrdiff_t>(1, needed),
                          options.weights.end());
    options.weights.resize(static_cast<std::size_t>(std::max<std::ptrdiff_t>(1, needed)));
  }
  const std::unique_ptr<Encoder> encoder = encoder_of(captioner, checkpoint, options.weights);
  std::optional<io::AtomicFile> html;  // opened before the work: a sheet that cannot be written is known at once
  if (!options.html.empty()) html.emplace(options.html);

  Inputs inputs(options.limit);
  for (const std::string& input : options.inputs) inputs.add(input);
  Run run(options, captioner, encoder.get(), options.weights.empty() ? captioner.encoder_weights() : options.weights);
  app::watch_signals();
  constexpr std::size_t batch = 8;
  for (std::size_t first = 0; first < inputs.all().size(); first += batch) {
    if (app::stop_requested()) return app::stopped_status();
    run.caption(inputs.all(), first, std::min(batch, inputs.all().size() - first));
  }
  if (html && !run.sheet().items.empty()) {
    app::Sheet sheet = run.sheet();
    sheet.subtitle =
        std::to_string(sheet.items.size()) + (sheet.items.size() == 1 ? " image" : " images") + ", captioned by limn";
    html->write(app::html_sheet(sheet));
    html->commit();
  }
  return inputs.failed() || run.failed() ? 2 : 0;
}

}  // namespace limn::captioner

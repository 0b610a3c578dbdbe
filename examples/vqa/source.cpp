#include "vqa/source.hpp"

#include <optional>

#include <limn/image/decode.hpp>

#include "captioner/features.hpp"
#include "scenes/scenes.hpp"
#include "shared/errors.hpp"

namespace limn::vqa {
namespace {

/// The picture moved by (dx, dy), its border pixels repeated.
image::Image shifted(const image::Image& picture, index_t dx, index_t dy) {
  if (dx == 0 && dy == 0) return picture;
  image::Image moved(picture.width, picture.height, picture.channels);
  for (index_t row = 0; row < picture.height; ++row)
    for (index_t column = 0; column < picture.width; ++column)
      for (index_t c = 0; c < picture.channels; ++c)
        moved.pixels[static_cast<std::size_t>((row * picture.width + column) * picture.channels + c)] =
            picture.at(std::clamp<index_t>(row - dy, 0, picture.height - 1),
                       std::clamp<index_t>(column - dx, 0, picture.width - 1), c);
  return moved;
}

class FileSource final : public Source {
 public:
  explicit FileSource(const SourceOptions& options) : options_(options) {
    data_ = data::read_vqa(options.data, {.split = options.split, .seed = options.seed});
    for (const std::string& note : data_.notes) std::fprintf(stderr, "vqa: note: %s\n", app::one_line(note).c_str());
    const std::size_t count = options.limit > 0 ? std::min(data_.images.size(), static_cast<std::size_t>(options.limit))
                                                : data_.images.size();
    of_image_.resize(count);
    for (const data::VqaQuestion& q : data_.questions)
      if (static_cast<std::size_t>(q.image) < count)
        of_image_[static_cast<std::size_t>(q.image)].push_back({q.text, q.answer(), q.answers, q.type, q.answer_type});
    if (!options.features.empty()) {
      features_.emplace(options.features);
      for (std::size_t i = 0; i < count; ++i) rows_.push_back(features_->row(data_.images[i].name));
    } else if (options.looks) {
      check_images(count);
    }
  }
  index_t images() const override { return static_cast<index_t>(of_image_.size()); }
  std::string name(index_t image) const override { return data_.images[static_cast<std::size_t>(image)].name; }
  std::vector<Question> questions(index_t, index_t image) const override {
    return of_image_[static_cast<std::size_t>(image)];
  }
  Tensor<float> input(index_t epoch, const std::vector<index_t>& images) const override {
    if (!options_.looks) return {};
    if (features_) {
      std::vector<index_t> rows;
      for (const index_t i : images) rows.push_back(rows_[static_cast<std::size_t>(i)]);
      return features_->read(rows, true).grid;
    }
    std::vector<image::Image> pictures;
    for (const index_t i : images) {
      pictures.push_back(image::decode_file(data_.images[static_cast<std::size_t>(i)].path));
      if (options_.shift == 0) continue;
      Generator draw(options_.seed ^ 0x5417u);
      draw.set_state({draw.state().seed, static_cast<std::uint64_t>(epoch * this->images() + i) * 4});
      const index_t dx = draw.below(2 * options_.shift + 1) - options_.shift,
                    dy = draw.below(2 * options_.shift + 1) - options_.shift;
      pictures.back() = shifted(pictures.back(), dx, dy);
    }
    if (!options_.encoder) return captioner::pixels_of(pictures, options_.picture);
    NoGradGuard no_grad;
    return (*options_.encoder)(pictures).grid;
  }
  image::Image picture(index_t image) const override {
    return image::decode_file(data_.images[static_cast<std::size_t>(image)].path);
  }
  std::vector<Question> all_questions() const override {
    std::vector<Question> all;
    for (const auto& questions : of_image_) all.insert(all.end(), questions.begin(), questions.end());
    return all;
  }

 private:
  void check_images(std::size_t count) const {
    std::size_t missing = 0;
    const data::VqaImage* first = nullptr;
    std::error_code ignored;
    for (std::size_t i = 0; i < count; ++i)
      if (!std::filesystem::is_regular_file(data_.images[i].path, ignored) && missing++ == 0) first = &data_.images[i];
    if (missing > 0)
      fail(options_.data, missing, " of ", count, " images are missing (the first: ", first->path.string(),
           "); add the images or remove their questions");
  }

  SourceOptions options_;
  data::VqaData data_;
  std::vector<std::vector<Question>> of_image_;
  std::optional<captioner::FeatureFile> features_;
  std::vector<index_t> rows_;
};

class SceneSource final : public Source {
 public:
  explicit SceneSource(const SourceOptions& options) : options_(options) {
    if (options.split == "train")
      split_ = scenes::Split::train;
    else if (options.split == "dev")
      split_ = scenes::Split::val;
    else if (options.split != "test")
      fail("--split", "there is no split named ", options.split, "; choose train, dev or test");
    if (!options.features.empty()) fail("--features", "scenes are drawn anew each time; leave --features out");
  }
  index_t images() const override { return options_.limit; }
  std::string name(index_t image) const override { return options_.split + "_" + std::to_string(image); }
  std::vector<Question> questions(index_t epoch, index_t image) const override {
    std::vector<Question> list;
    for (const scenes::Question& q : scenes::questions(scene(epoch, image)))
      list.push_back({q.text,
                      q.answer,
                      {q.answer},
                      scenes::name(q.kind),
                      q.answer == "yes" || q.answer == "no" ? "yes/no" : "other"});
    return list;
  }
  Tensor<float> input(index_t epoch, const std::vector<index_t>& images) const override {
    if (!options_.looks) return {};
    std::vector<image::Image> pictures;
    for (const index_t i : images)
      pictures.push_back(scenes::draw(scene(epoch, i), {.size = static_cast<int>(options_.picture)}));
    if (!options_.encoder) return captioner::pixels_of(pictures, options_.picture);
    NoGradGuard no_grad;
    return (*options_.encoder)(pictures).grid;
  }
  image::Image picture(index_t image) const override { return scenes::draw(scene(0, image), {.size = 192}); }
  std::vector<Question> all_questions() const override {
    std::vector<Question> all;
    for (index_t i = 0; i < 5000; ++i)
      for (const scenes::Question& q : scenes::questions(scene(0, i))) all.push_back({q.text, q.answer, {}, "", ""});
    for (const std::string& answer : scenes::all_answers()) all.push_back({"", answer, {}, "", ""});
    return all;
  }

 private:
  [[nodiscard]] scenes::Scene scene(index_t epoch, index_t image) const {
    if (split_ != scenes::Split::train) return scenes::make_scene(static_cast<std::uint64_t>(image), split_);
    return scenes::make_scene(options_.seed * 1000003 + static_cast<std::uint64_t>(epoch * options_.limit + image),
                              split_);
  }
  SourceOptions options_;
  scenes::Split split_ = scenes::Split::test;
};

}  // namespace

std::unique_ptr<Source> make_source(const SourceOptions& given) {
  SourceOptions options = given;
  if (options.split == "val") options.split = "dev";
  if (options.data != "scenes") return std::make_unique<FileSource>(options);
  if (options.limit == 0) options.limit = options.split == "train" ? 20000 : 1000;
  return std::make_unique<SceneSource>(options);
}

}  // namespace limn::vqa

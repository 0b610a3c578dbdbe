#include "captioner/source.hpp"

#include <optional>

#include <limn/data/flickr8k.hpp>

#include "captioner/captioner.hpp"
#include "captioner/features.hpp"
#include "captioner/pictures.hpp"
#include "scenes/scenes.hpp"

namespace limn::captioner {
namespace {

text::Tokens tokens_of(const std::string& caption) { return text::split_words(text::clean_caption(caption)); }

class DatasetSource final : public Source {
 public:
  explicit DatasetSource(const DatasetOptions& o) : options_(o) {
    if (!o.features.empty()) features_.emplace(o.features);
    data::CaptionDataOptions reading;
    reading.ratio = data::parse_split_ratio(o.ratio);
    reading.seed = o.seed;
    reading.need_images = !features_;
    const data::CaptionData data = data::read_flickr8k(o.folder, reading);
    for (const std::string& note : data.notes) std::fprintf(stderr, "captioner: note: %s\n", note.c_str());
    take(data, "train", o.limit, train_);
    take(data, "dev", o.validation, dev_);
    if (features_ && features_->reader().metadata().count("weights"))
      weights_ =
          io::parse_json(features_->reader().metadata().at("weights"), o.features).get<std::vector<std::string>>();
  }
  index_t training_size() const override { return static_cast<index_t>(train_.items.size()); }
  index_t validation_size() const override { return static_cast<index_t>(dev_.items.size()); }
  std::vector<text::Tokens> training_captions(index_t, index_t i) const override {
    return train_.items[static_cast<std::size_t>(i)].captions;
  }
  std::vector<text::Tokens> validation_captions(index_t i) const override {
    return dev_.items[static_cast<std::size_t>(i)].captions;
  }
  Input training_input(index_t epoch, const std::vector<index_t>& images) const override {
    if (features_) return read(train_, images);
    std::vector<Cut> cuts;
    for (const index_t i : images)
      cuts.push_back(train_.pictures->random_cut(options_.seed, epoch, i, 0.75, options_.grey));
    return {{}, train_.pictures->pixels(images, cuts, cut_side(options_.picture))};
  }
  Input validation_input(const std::vector<index_t>& images) const override {
    if (features_) return read(dev_, images);
    return {{}, dev_.pictures->whole_pixels(images, options_.picture)};
  }
  std::vector<text::Tokens> vocabulary_captions() const override {
    std::vector<text::Tokens> all;
    for (const Item& item : train_.items) all.insert(all.end(), item.captions.begin(), item.captions.end());
    return all;
  }
  std::string encoder() const override { return features_ ? features_->encoder() : "cnn"; }
  index_t feature_size(bool grid) const override {
    if (!features_) return 1;  // the captioner's own network says
    return grid ? features_->channels() : features_->pooled_size();
  }
  std::vector<std::string> weights() const override { return weights_; }

 private:
  struct Item {
    index_t row;  ///< of the features
    std::vector<text::Tokens> captions;
  };
  struct Part {
    std::vector<Item> items;
    std::optional<PictureSet> pictures;
  };
  void take(const data::CaptionData& data, const char* split, index_t most, Part& to) const {
    std::vector<View> views;
    for (const index_t i : data.split(split)) {
      if (most > 0 && static_cast<index_t>(to.items.size()) == most) break;
      const data::CaptionedImage& image = data.images[static_cast<std::size_t>(i)];
      Item item{features_ ? features_->row(image.file) : 0, {}};
      for (const std::string& caption : image.captions) item.captions.push_back(tokens_of(caption));
      if (item.captions.empty()) continue;
      to.items.push_back(std::move(item));
      views.push_back({image.file, image.path, {}});
    }
    if (to.items.empty())
      fail(options_.folder, "its ", split, " split holds no captioned image; check the lists or --split");
    if (!features_) to.pictures.emplace(views, squeezed_side(options_.picture), options_.quiet);
  }
  Input read(const Part& part, const std::vector<index_t>& images) const {
    std::vector<index_t> rows;
    for (const index_t i : images) rows.push_back(part.items[static_cast<std::size_t>(i)].row);
    return {features_->read(rows, options_.grid), {}};
  }
  DatasetOptions options_;
  std::optional<FeatureFile> features_;
  Part train_, dev_;
  std::vector<std::string> weights_;
};

class ScenesSource final : public Source {
 public:
  ScenesSource(std::uint64_t seed, index_t epoch_size, index_t validation, index_t picture)
      : seed_(seed), epoch_size_(epoch_size), validation_(validation), picture_(picture) {}
  index_t training_size() const override { return epoch_size_; }
  index_t validation_size() const override { return validation_; }
  /// The plain wording and one of the others: scenes are never seen twice, so more pictures teach more than more
  /// captions.
  std::vector<text::Tokens> training_captions(index_t epoch, index_t i) const override {
    const auto all = captions_of(training_scene(epoch, i));
    return {all[0], all[static_cast<std::size_t>(1 + (epoch + i) % 4)]};
  }
  std::vector<text::Tokens> validation_captions(index_t i) const override { return captions_of(validation_scene(i)); }
  Input training_input(index_t epoch, const std::vector<index_t>& images) const override {
    return draw(images, [&](index_t i) { return training_scene(epoch, i); });
  }
  Input validation_input(const std::vector<index_t>& images) const override {
    return draw(images, [&](index_t i) { return validation_scene(i); });
  }
  std::vector<text::Tokens> vocabulary_captions() const override {
    std::vector<text::Tokens> all;
    for (index_t i = 0; i < 5000; ++i)
      for (text::Tokens& caption : captions_of(training_scene(0, i))) all.push_back(std::move(caption));
    return all;
  }
  std::string encoder() const override { return "cnn"; }
  index_t feature_size(bool) const override { return 1; }  // the captioner's own network says
  std::vector<std::string> weights() const override { return {}; }

 private:
  scenes::Scene training_scene(index_t epoch, index_t i) const {
    return scenes::make_scene(seed_ * 1000003 + static_cast<std::uint64_t>(epoch * epoch_size_ + i),
                              scenes::Split::train);
  }
  scenes::Scene validation_scene(index_t i) const {
    return scenes::make_scene(static_cast<std::uint64_t>(i), scenes::Split::val);
  }
  static std::vector<text::Tokens> captions_of(const scenes::Scene& scene) {
    std::vector<text::Tokens> all;
    for (const std::string& caption : scenes::captions(scene)) all.push_back(tokens_of(caption));
    return all;
  }
  template <class Make>
  Input draw(const std::vector<index_t>& images, Make&& make) const {
    std::vector<image::Image> pictures(images.size());
    kernels::parallel_for(static_cast<index_t>(images.size()), 4, [&](index_t begin, index_t end) {
      for (index_t k = begin; k < end; ++k)
        pictures[static_cast<std::size_t>(k)] =
            scenes::draw(make(images[static_cast<std::size_t>(k)]), {.size = static_cast<int>(picture_)});
    });
    return {{}, pixels_of(pictures, picture_)};
  }
  std::uint64_t seed_;
  index_t epoch_size_, validation_, picture_;
};

}  // namespace

std::unique_ptr<Source> dataset_source(const DatasetOptions& options) {
  return std::make_unique<DatasetSource>(options);
}
std::unique_ptr<Source> scenes_source(std::uint64_t seed, index_t epoch_size, index_t validation, index_t picture) {
  return std::make_unique<ScenesSource>(seed, epoch_size, validation, picture);
}

}  // namespace limn::captioner

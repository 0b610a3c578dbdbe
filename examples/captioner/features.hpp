#pragma once
// Features on disk: one safetensors file with a row an image, written a batch at a time and read a few rows at a time.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <limn/data/flickr8k.hpp>
#include <limn/io/tensors.hpp>
#include <limn/models/caption_batch.hpp>

#include "captioner/views.hpp"

namespace limn::captioner {

struct FeatureOptions {
  std::string encoder = "mobilenet";
  std::vector<std::string> weights;
  std::string data, out;
  std::vector<std::string> splits = {"train", "dev"};
  bool grid = false;              ///< store the 7 x 7 grid too (for the attention captioner), as f16
  std::vector<std::string> also;  ///< folders of photographs beside the dataset's
  index_t parts = 0;  ///< random parts of every photograph of the training split and of `also`, as views of their own
  index_t batch = 8;
  index_t limit = 0;  ///< at most so many photographs of a split or folder; 0: all
  bool quiet = false;
  Device device = cpu_device;  ///< where the encoder is
};

/// Photographs, whole: those of a dataset with these numbers, then those of the folders; at most `limit` of each (0:
/// all).
[[nodiscard]] std::vector<View> photographs(const data::CaptionData& data, const std::vector<index_t>& members,
                                            const std::vector<std::string>& folders, index_t limit);

/// `captioner features`. Goes on where an earlier, killed run stopped. Returns the exit status.
int compute_features(const FeatureOptions& options);

/// The same for any views; a row is found by the view's name.
int write_features(const FeatureOptions& options, const std::vector<View>& views, const char* program);

/// An open features file. Rows are read when asked for: resident memory stays small whatever the file's size.
class FeatureFile {
 public:
  explicit FeatureFile(const std::string& path);
  [[nodiscard]] const std::string& encoder() const { return encoder_; }
  [[nodiscard]] const io::SafetensorsFile& reader() const { return file_; }
  [[nodiscard]] bool has_grid() const { return file_.contains("grid"); }
  [[nodiscard]] index_t pooled_size() const { return file_.info("pooled").shape[1]; }
  [[nodiscard]] index_t channels() const { return file_.info("grid").shape[2]; }
  [[nodiscard]] index_t places() const { return file_.info("grid").shape[1]; }
  /// The row of an image; throws naming the image and the remedy when it is not there.
  [[nodiscard]] index_t row(const std::string& image) const;
  struct PartRow {
    Rectangle part;
    index_t row;
  };
  /// Every view of a photograph, in the file's order; the same throws.
  [[nodiscard]] const std::vector<PartRow>& parts(const std::string& photograph) const;
  [[nodiscard]] models::ImageFeatures<float> read(const std::vector<index_t>& rows, bool grid) const;

 private:
  [[noreturn]] void fail_missing(const std::string& image) const;

  io::SafetensorsFile file_;
  std::string encoder_;
  std::map<std::string, std::vector<PartRow>> rows_;  ///< by photograph
};

}  // namespace limn::captioner

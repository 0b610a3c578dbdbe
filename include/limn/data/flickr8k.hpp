#pragma once
// Flickr8k, and any folder of images with captions laid out like it: the official files or Kaggle's captions.txt.

#include <array>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <limn/core/random.hpp>
#include <limn/data/lines.hpp>
#include <limn/text/normalise.hpp>

namespace limn::inline LIMN_ABI::data {

/// An image and what people wrote about it, in the order of the file, as written there.
struct CaptionedImage {
  std::string file;            // as the captions file names it
  std::filesystem::path path;  // where it is
  std::vector<std::string> captions;
};

struct CaptionDataOptions {
  std::vector<std::string> splits = {"train", "dev"};  // those that will be used: their images must exist
  std::array<index_t, 3> ratio = {80, 10, 10};         // train, dev, test, when the folder has no official lists
  std::uint64_t seed = 0;                              // of the split by ratio
  bool need_images = true;                             // false: captions alone (features are already computed)
};

struct CaptionData {
  std::vector<CaptionedImage> images;                  // in the order of the captions file
  std::map<std::string, std::vector<index_t>> splits;  // "train", "dev", "test" -> indices into images
  bool official = false;                               // the splits come from list files
  std::vector<std::string> notes;                      // one line each: what was skipped and why

  /// Throws when the split was not among the options' splits and could not be read.
  [[nodiscard]] const std::vector<index_t>& split(const std::string& name) const {
    const auto found = splits.find(name);
    if (found == splits.end()) fail("captions", "the split ", name, " was not read; name it in the options");
    return found->second;
  }
};

/// Parses "80/10/10": percentages of train, dev and test that sum to 100; train > 0.
[[nodiscard]] inline std::array<index_t, 3> parse_split_ratio(const std::string& text) {
  std::array<index_t, 3> ratio{};
  std::size_t part = 0;
  index_t value = -1;
  const auto bad = [&text] {
    fail("--split", "\"", text, "\" is not three whole percentages that sum to 100, such as 80/10/10");
  };
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '/') {
      if (part == 3 || value < 0) bad();
      ratio[part++] = value;
      value = -1;
    } else {
      if (text[i] < '0' || text[i] > '9' || value > 100) bad();
      value = (value < 0 ? 0 : value * 10) + (text[i] - '0');
    }
  }
  if (part != 3 || ratio[0] + ratio[1] + ratio[2] != 100 || ratio[0] == 0) bad();
  return ratio;
}

/// Reads the captions, the images' places and the splits of a folder. It holds, itself or in Flickr8k_text/,
///   Flickr8k.token.txt  ("name.jpg#0<tab>caption"), or captions.txt / captions.csv (CSV, header image,caption), and
///   Flickr_8k.{train,dev,test}Images.txt  (a name a line; optional: without any of them options.ratio splits, by
///   seed);
/// the images are in images/, Images/, Flickr8k_Dataset/, Flicker8k_Dataset/ or the folder itself.
///
/// A split that is not in options.splits may lack its list and its images. Captions without a word (a-z) are left out
/// and counted in a note. Throws an Error of one line for everything else: a missing file, a line that is not as above,
/// invalid UTF-8, a list that names an image without captions, images that are missing.
[[nodiscard]] inline CaptionData read_flickr8k(const std::filesystem::path& folder,
                                               const CaptionDataOptions& options = {});

namespace detail {

inline constexpr std::array<const char*, 3> split_names = {"train", "dev", "test"};

/// The first of the names that exists in the folder or in its Flickr8k_text/; empty when none does.
[[nodiscard]] inline std::filesystem::path find_text_file(const std::filesystem::path& folder,
                                                          const std::vector<std::string>& names) {
  std::error_code ignored;
  for (const auto& below : {folder, folder / "Flickr8k_text"})
    for (const std::string& name : names)
      if (std::filesystem::exists(below / name, ignored)) return below / name;
  return {};
}

/// Gathers the captions of each image; counts those without a word.
class CaptionCollector {
 public:
  explicit CaptionCollector(std::filesystem::path path) : path_(std::move(path)) {}

  void add(std::string_view file, std::string_view caption, std::size_t line) {
    const std::string name(trimmed(file));
    if (name.empty()) fail_line(path_, line, "the caption has no image name");
    if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
      fail_line(path_, line, "the image name holds a '/'; names are without folders");
    const auto entry = indices.try_emplace(name, static_cast<index_t>(images.size()));
    if (entry.second) images.push_back({name, {}, {}});
    if (text::clean_caption(caption).empty()) {
      if (empty_++ == 0) first_empty_ = line;
      return;
    }
    images[static_cast<std::size_t>(entry.first->second)].captions.emplace_back(trimmed(caption));
  }
  void finish(std::vector<std::string>& notes) const {
    if (empty_ > 0)
      notes.push_back(path_.string() + ": " + std::to_string(empty_) +
                      " empty caption(s) left out, the first in line " + std::to_string(first_empty_));
    for (const CaptionedImage& image : images)
      if (!image.captions.empty()) return;
    fail(path_.string(), "holds no captions; check that this is the right file");
  }

  std::vector<CaptionedImage> images;
  std::unordered_map<std::string, index_t> indices;

 private:
  std::filesystem::path path_;
  index_t empty_ = 0;
  std::size_t first_empty_ = 0;
};

/// "name.jpg#0<tab>caption" lines.
inline void read_token_file(const std::filesystem::path& path, CaptionCollector& collector) {
  const std::string text = read_text_file(path);
  for (const Line& line : split_lines(text)) {
    const std::size_t tab = line.text.find('\t');
    const std::string_view key = trimmed(line.text.substr(0, tab));
    const std::size_t hash = key.rfind('#');
    const bool numbered = hash != std::string_view::npos && hash + 1 < key.size() &&
                          key.find_first_not_of("0123456789", hash + 1) == std::string_view::npos;
    if (!numbered)
      fail_line(path, line.number, "\"name.jpg#0<tab>caption\" is wanted; ",
                tab == std::string_view::npos ? "there is no tab" : "the name does not end in # and a number");
    collector.add(key.substr(0, hash), tab == std::string_view::npos ? "" : line.text.substr(tab + 1), line.number);
  }
}

/// CSV of image and caption; more commas than one belong to the caption.
inline void read_caption_csv(const std::filesystem::path& path, CaptionCollector& collector) {
  const std::string text = read_text_file(path);
  bool first = true;
  for (const CsvRecord& record : parse_csv(text, path)) {
    const bool header = std::exchange(first, false) && trimmed(record.fields[0]) == "image";
    if (record.fields.size() < 2) fail_line(path, record.line, "\"image,caption\" is wanted; there is no comma");
    std::string caption = record.fields[1];
    for (std::size_t i = 2; i < record.fields.size(); ++i) caption += "," + record.fields[i];
    if (!header) collector.add(record.fields[0], caption, record.line);
  }
}

/// Names of the files in a folder.
[[nodiscard]] inline std::unordered_set<std::string> list_folder(const std::filesystem::path& folder) {
  std::unordered_set<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error), end;
  for (; !error && entry != end; entry.increment(error)) names.insert(entry->path().filename().string());
  if (error) fail(folder.string(), "cannot read the folder: ", error.message(), "; check its permissions");
  return names;
}

[[nodiscard]] inline std::filesystem::path find_image_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const char* name : {"images", "Images", "Flickr8k_Dataset", "Flicker8k_Dataset"})
    if (std::filesystem::is_directory(folder / name, ignored)) return folder / name;
  return folder;
}

/// The images of a list file as indices. Images whose captions were all empty are left out, with a note.
[[nodiscard]] inline std::vector<index_t> read_split_list(const std::filesystem::path& path,
                                                          const CaptionCollector& collector,
                                                          std::vector<std::string>& notes) {
  const std::string text = read_text_file(path);
  std::vector<index_t> result;
  std::unordered_set<index_t> seen;
  index_t without = 0;
  for (const Line& line : split_lines(text)) {
    const std::string name(trimmed(line.text));
    const auto found = collector.indices.find(name);
    if (found == collector.indices.end())
      fail_line(path, line.number, "the image ", shortened(name),
                " has no captions; add them to the captions file or remove this line");
    if (!seen.insert(found->second).second) continue;
    if (collector.images[static_cast<std::size_t>(found->second)].captions.empty())
      ++without;
    else
      result.push_back(found->second);
  }
  if (without > 0)
    notes.push_back(path.string() + ": " + std::to_string(without) + " image(s) without a caption left out");
  if (result.empty()) fail(path.string(), "names no image with captions; check that this is the right file");
  return result;
}

/// Splits all images with captions by ratio; depends on the set of their names and the seed alone.
inline void split_by_ratio(const CaptionCollector& collector, const CaptionDataOptions& options, CaptionData& data) {
  std::vector<index_t> usable;
  for (std::size_t i = 0; i < collector.images.size(); ++i)
    if (!collector.images[i].captions.empty()) usable.push_back(static_cast<index_t>(i));
  std::sort(usable.begin(), usable.end(), [&](index_t a, index_t b) {
    return collector.images[static_cast<std::size_t>(a)].file < collector.images[static_cast<std::size_t>(b)].file;
  });
  const auto count = static_cast<index_t>(usable.size());
  Generator generator(options.seed);
  const std::vector<index_t> order = permutation(count, generator);
  const index_t dev_end = count - count * options.ratio[2] / 100, train_end = dev_end - count * options.ratio[1] / 100;
  const std::array<index_t, 4> bounds = {0, train_end, dev_end, count};
  for (std::size_t s = 0; s < 3; ++s) {
    std::vector<index_t>& split = data.splits[split_names[s]];
    for (index_t i = bounds[s]; i < bounds[s + 1]; ++i)
      split.push_back(usable[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
    std::sort(split.begin(), split.end());
  }
}

/// Throws when an image of a wanted split is missing.
inline void check_images(const std::filesystem::path& image_folder, const std::filesystem::path& captions_path,
                         const CaptionDataOptions& options, const CaptionData& data) {
  const std::unordered_set<std::string> present = list_folder(image_folder);
  for (const std::string& name : options.splits) {
    index_t missing = 0;
    const CaptionedImage* first = nullptr;
    for (const index_t i : data.split(name)) {
      const CaptionedImage& image = data.images[static_cast<std::size_t>(i)];
      if (present.count(image.file)) continue;
      if (missing++ == 0) first = &image;
    }
    if (missing > 0)
      fail(captions_path.string(), missing, " of ", data.split(name).size(), " images of the split ", name,
           " are not in ", image_folder.string(), " (the first: ", shortened(first->file),
           "); add the images or remove their lines");
  }
}

}  // namespace detail

inline CaptionData read_flickr8k(const std::filesystem::path& folder, const CaptionDataOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    fail(folder.string(), "there is no such folder; name one with Flickr8k.token.txt or captions.txt and images/");
  for (const std::string& name : options.splits)
    if (std::find(detail::split_names.begin(), detail::split_names.end(), name) == detail::split_names.end())
      fail("--split", "there is no split named ", name, "; choose train, dev or test");

  const std::filesystem::path token_path = detail::find_text_file(folder, {"Flickr8k.token.txt"});
  const std::filesystem::path csv_path = detail::find_text_file(folder, {"captions.txt", "captions.csv"});
  const std::filesystem::path captions_path = token_path.empty() ? csv_path : token_path;
  if (captions_path.empty())
    fail(folder.string(), "holds neither Flickr8k.token.txt nor captions.txt; add one of them");
  CaptionData data;
  detail::CaptionCollector collector(captions_path);
  if (token_path.empty())
    detail::read_caption_csv(csv_path, collector);
  else
    detail::read_token_file(token_path, collector);
  collector.finish(data.notes);

  std::map<std::string, std::filesystem::path> lists;
  for (const std::string name : detail::split_names) {
    const std::filesystem::path path = detail::find_text_file(folder, {"Flickr_8k." + name + "Images.txt"});
    if (!path.empty()) lists[name] = path;
  }
  data.official = !lists.empty();
  if (data.official) {
    for (const std::string& name : options.splits) {
      if (!lists.count(name))
        fail((folder / ("Flickr_8k." + name + "Images.txt")).string(),
             "the list of this split is missing, while other splits have theirs; add it or choose another split");
      data.splits[name] = detail::read_split_list(lists[name], collector, data.notes);
    }
  } else {
    detail::split_by_ratio(collector, options, data);
  }

  const std::filesystem::path image_folder = detail::find_image_folder(folder);
  data.images = std::move(collector.images);
  for (CaptionedImage& image : data.images) image.path = image_folder / image.file;
  if (options.need_images) detail::check_images(image_folder, captions_path, options, data);
  return data;
}

}  // namespace limn::inline LIMN_ABI::data

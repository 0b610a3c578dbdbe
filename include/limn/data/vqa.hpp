#pragma once
// Questions about images: folders of easy-VQA, DAQUAR's question files, and the JSON of VQA v2.

#include <map>
#include <set>
#include <unordered_map>

#include <limn/core/random.hpp>
#include <limn/data/lines.hpp>
#include <limn/io/json.hpp>
#include <limn/text/normalise.hpp>

namespace limn::inline LIMN_ABI::data {

struct VqaQuestion {
  std::string text;
  index_t image = 0;                 // index into the images
  std::vector<std::string> answers;  // one, or one of each of VQA v2's ten annotators
  std::string type, answer_type;     // for accuracies by type

  /// What most people said; the first of those, where several answers are equally frequent.
  [[nodiscard]] const std::string& answer() const {
    std::map<std::string, index_t> counts;
    for (const std::string& each : answers) ++counts[each];
    const std::string* best = &answers.at(0);
    for (const std::string& each : answers)
      if (counts[each] > counts[*best]) best = &each;
    return *best;
  }
};

struct VqaImage {
  std::string name;            // the dataset's: "17", "image17", "COCO_train2014_000000000017.jpg"
  std::filesystem::path path;  // where it is
};

struct VqaData {
  std::string format;  // "easy-vqa", "daquar" or "vqa-v2"
  std::vector<VqaImage> images;
  std::vector<VqaQuestion> questions;
  std::vector<std::string> notes;  // one line each: what was left out and why
};

struct VqaDataOptions {
  std::string split = "train";  // train, dev or test
  std::uint64_t seed = 1;       // of the tenth that is held out as dev
};

/// Reads one split of a folder, which holds
///   train/, val/ or test/ with questions.json and images/, or questions.json and images/ itself (easy-VQA): rows
///   [question, answer, image number] and images/<number>.png;
///   qa.train.txt, qa.dev.txt or qa.test.txt (DAQUAR): a line "... image17 ?", then a line with its answer; and
///   images/image17.jpg (or .png); or
///   a *questions.json and a *annotations.json whose names hold train, val or test (VQA v2), with the images in
///   images/, train2014/, ...
/// Where there is no dev part, a tenth of the training images, chosen by the seed, is dev, and train is without it; a
/// folder with questions.json alone is test as a whole.
[[nodiscard]] inline VqaData read_vqa(const std::filesystem::path& folder, const VqaDataOptions& options = {});

/// Lower-cased words of a question: letters, digits and what is not ASCII stay, apostrophes go, everything else parts
/// words. An image's number ("image17") is no word.
[[nodiscard]] inline text::Tokens question_words(std::string_view question) {
  std::string plain;
  for (const char c : question) {
    const auto u = static_cast<unsigned char>(c);
    if (c >= 'A' && c <= 'Z')
      plain += static_cast<char>(c - 'A' + 'a');
    else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || u >= 0x80)
      plain += c;
    else if (c != '\'')
      plain += ' ';
  }
  text::Tokens words = text::split_words(plain);
  std::erase_if(words, [](const std::string& word) {
    return word.size() > 5 && word.starts_with("image") && word.find_first_not_of("0123456789", 5) == std::string::npos;
  });
  return words;
}

namespace detail {

[[nodiscard]] inline bool file_exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

/// Gathers questions, and gives each image one index.
class VqaCollector {
 public:
  explicit VqaCollector(std::string format) { data_.format = std::move(format); }

  [[nodiscard]] index_t image(const std::string& name, const std::filesystem::path& path) {
    const auto [entry, added] = indices_.try_emplace(name, static_cast<index_t>(data_.images.size()));
    if (added) data_.images.push_back({name, path});
    return entry->second;
  }
  void add(VqaQuestion question) { data_.questions.push_back(std::move(question)); }
  void note(std::string text) { data_.notes.push_back(std::move(text)); }
  [[nodiscard]] VqaData take(const std::filesystem::path& file) {
    if (data_.questions.empty()) fail(file.string(), "holds no questions; check that this is the right file");
    return std::move(data_);
  }

 private:
  VqaData data_;
  std::unordered_map<std::string, index_t> indices_;
};

/// Only the questions about the held-out tenth of the images (`held`), or all others. Depends on the names and the seed
/// alone.
[[nodiscard]] inline VqaData part_of(const VqaData& data, bool held, std::uint64_t seed) {
  std::vector<index_t> order(data.images.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<index_t>(i);
  std::sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    return data.images[static_cast<std::size_t>(a)].name < data.images[static_cast<std::size_t>(b)].name;
  });
  Generator generator(seed);
  const auto count = static_cast<index_t>(order.size());
  const std::vector<index_t> shuffled = permutation(count, generator);
  std::vector<index_t> new_index(order.size(), -1);
  VqaData part{data.format, {}, {}, data.notes};
  for (index_t i = 0; i < count; ++i) {
    const auto k = static_cast<std::size_t>(order[static_cast<std::size_t>(shuffled[static_cast<std::size_t>(i)])]);
    if ((i < (count + 9) / 10) == held) new_index[k] = 0;
  }
  for (std::size_t k = 0; k < new_index.size(); ++k) {
    if (new_index[k] < 0) continue;
    new_index[k] = static_cast<index_t>(part.images.size());
    part.images.push_back(data.images[k]);
  }
  for (VqaQuestion question : data.questions) {
    question.image = new_index[static_cast<std::size_t>(question.image)];
    if (question.image >= 0) part.questions.push_back(std::move(question));
  }
  return part;
}

[[nodiscard]] inline std::string type_of(const text::Tokens& words, const std::string& answer) {
  const auto says = [&](std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); };
  if (answer == "yes" || answer == "no") return "yes/no";
  if (words.size() > 1 && words[0] == "how" && words[1] == "many") return "number";
  if (says("color") || says("colour") || says("colors")) return "colour";
  return says("shape") ? "shape" : "other";
}

[[nodiscard]] inline VqaData read_easy_vqa(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "questions.json";
  const io::Json rows = io::parse_json_file(file);
  if (!rows.is_array()) fail(file.string(), "a list of [question, answer, image number] is wanted");
  VqaCollector collector("easy-vqa");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const io::Json& row = rows[i];
    if (!row.is_array() || row.size() != 3 || !row[0].is_string() || !row[1].is_string() || !row[2].is_number_integer())
      fail(file.string(), "row ", i, " is not [question, answer, image number]; mend or remove it");
    const std::string name = std::to_string(row[2].get<long long>());
    VqaQuestion question{row[0].get<std::string>(), 0, {row[1].get<std::string>()}, "", ""};
    const text::Tokens words = question_words(question.text);
    if (words.empty()) fail(file.string(), "the question of row ", i, " has no words; mend or remove it");
    question.image = collector.image(name, folder / "images" / (name + ".png"));
    question.type = type_of(words, question.answers[0]);
    question.answer_type = question.type == "yes/no" ? "yes/no" : "other";
    collector.add(std::move(question));
  }
  return collector.take(file);
}

/// The name of the image that a DAQUAR question names: "image17".
[[nodiscard]] inline std::string image_in(std::string_view question) {
  for (std::size_t at = question.find("image"); at != std::string_view::npos; at = question.find("image", at + 1)) {
    std::size_t end = at + 5;
    while (end < question.size() && question[end] >= '0' && question[end] <= '9') ++end;
    if (end > at + 5) return std::string(question.substr(at, end - at));
  }
  return "";
}

[[nodiscard]] inline VqaData read_daquar(const std::filesystem::path& folder, const std::filesystem::path& file) {
  const std::string all = read_text_file(file);
  const std::vector<Line> lines = split_lines(all);
  if (lines.size() % 2 != 0)
    fail_line(file, lines.back().number, "the last question has no answer; questions and answers are lines by turns");
  VqaCollector collector("daquar");
  for (std::size_t i = 0; i < lines.size(); i += 2) {
    const std::string name = image_in(lines[i].text);
    if (name.empty())
      fail_line(file, lines[i].number, "the question names no image (\"... image17 ?\"); add it or remove both lines");
    VqaQuestion question{std::string(trimmed(lines[i].text)), 0, {std::string(trimmed(lines[i + 1].text))}, "", ""};
    const text::Tokens words = question_words(question.text);
    if (words.empty()) fail_line(file, lines[i].number, "the question has no words; mend it or remove both lines");
    std::filesystem::path path = folder / "images" / (name + ".jpg");
    for (const char* other : {"images", "nyu_depth_images"})
      for (const char* ending : {".png", ".jpg"})
        if (!file_exists(path)) path = folder / other / (name + ending);
    question.image = collector.image(name, path);
    const std::string kind = type_of(words, "");
    question.type = kind == "other" || kind == "shape" ? "object" : kind;
    question.answer_type = question.answers[0].find(',') == std::string::npos ? "single" : "list";
    collector.add(std::move(question));
  }
  return collector.take(file);
}

/// The JSON file of a VQA v2 folder whose name holds both words; empty when there is none.
[[nodiscard]] inline std::filesystem::path find_json(const std::filesystem::path& folder, const std::string& what,
                                                     const std::string& split) {
  std::set<std::filesystem::path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".json") && name.find(what) != std::string::npos && name.find(split) != std::string::npos)
      found.insert(entry->path());
  }
  return found.empty() ? std::filesystem::path() : *found.begin();
}

[[nodiscard]] inline std::filesystem::path vqa_v2_image(const std::filesystem::path& folder, const std::string& split,
                                                        index_t id) {
  std::string number = std::to_string(id);
  number.insert(0, number.size() < 12 ? 12 - number.size() : 0, '0');
  const std::string subset = split + (split == "test" ? "2015" : "2014"),
                    name = "COCO_" + subset + "_" + number + ".jpg";
  for (const auto& place : {folder / "images" / name, folder / subset / name, folder / name,
                            folder / "images" / (number + ".jpg"), folder / "images" / (std::to_string(id) + ".jpg")})
    if (file_exists(place)) return place;
  return folder / "images" / name;
}

[[nodiscard]] inline VqaData read_vqa_v2(const std::filesystem::path& folder, const std::string& split) {
  const std::filesystem::path file = find_json(folder, "questions", split),
                              answers_file = find_json(folder, "annotations", split);
  if (answers_file.empty())
    fail(file.string(), "has no file of annotations (answers) beside it; add it or choose another split");
  const io::Json questions = io::json_value<io::Json>(io::parse_json_file(file), "questions", file.string());
  const io::Json annotations =
      io::json_value<io::Json>(io::parse_json_file(answers_file), "annotations", answers_file.string());
  std::unordered_map<index_t, const io::Json*> answers;
  for (const io::Json& annotation : annotations)
    answers[io::json_value<index_t>(annotation, "question_id", answers_file.string())] = &annotation;
  VqaCollector collector("vqa-v2");
  index_t missing = 0;
  for (const io::Json& row : questions) {
    const auto found = answers.find(io::json_value<index_t>(row, "question_id", file.string()));
    VqaQuestion question;
    question.text = io::json_value<std::string>(row, "question", file.string());
    if (found == answers.end() || question_words(question.text).empty()) {
      ++missing;
      continue;
    }
    const io::Json& annotation = *found->second;
    const std::string where = answers_file.string();
    const io::Json people = io::json_value<io::Json>(annotation, "answers", where);
    for (const io::Json& each : people) question.answers.push_back(io::json_value<std::string>(each, "answer", where));
    if (question.answers.empty()) fail(where, "question ", found->first, " has no answers; remove it or add them");
    question.type = io::json_value_or<std::string>(annotation, "question_type", "other", where);
    question.answer_type = io::json_value_or<std::string>(annotation, "answer_type", "other", where);
    const index_t id = io::json_value<index_t>(row, "image_id", file.string());
    const std::filesystem::path path = vqa_v2_image(folder, split, id);
    question.image = collector.image(path.filename().string(), path);
    collector.add(std::move(question));
  }
  if (missing > 0)
    collector.note(file.string() + ": " + std::to_string(missing) + " question(s) without words or answers left out");
  return collector.take(file);
}

}  // namespace detail

inline VqaData read_vqa(const std::filesystem::path& folder, const VqaDataOptions& options) {
  const std::string& split = options.split;
  if (split != "train" && split != "dev" && split != "test")
    fail("--split", "there is no split named ", split, "; choose train, dev or test");
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    fail(folder.string(), "there is no such folder; name one with questions.json, qa.train.txt or VQA v2's files");
  // How each format reads a part of its own ("train", "dev", "test"), and whether it has that part.
  const auto read = [&](auto&& has, auto&& part) -> VqaData {
    const bool own_dev = has("dev"), held = split == "dev" && !own_dev;
    const std::string source = held ? "train" : split;
    if (!has(source))
      fail(folder.string(), "has no questions of the split ", split, "; add them or choose another split");
    if (own_dev || split == "test") return part(source);
    return detail::part_of(part("train"), held, options.seed);
  };
  const auto folder_of = [&](const std::string& name) {
    const std::filesystem::path own = folder / (name == "dev" ? "val" : name);
    if (detail::file_exists(own / "questions.json")) return own;
    const bool whole = name != "dev" && detail::file_exists(folder / "questions.json");
    return whole ? folder : std::filesystem::path();
  };
  if (!folder_of("train").empty() || !folder_of("test").empty())
    return read([&](const std::string& name) { return !folder_of(name).empty(); },
                [&](const std::string& name) { return detail::read_easy_vqa(folder_of(name)); });
  const auto qa_file = [&](const std::string& name) { return folder / ("qa." + name + ".txt"); };
  if (detail::file_exists(qa_file("train")) || detail::file_exists(qa_file("test")))
    return read([&](const std::string& name) { return detail::file_exists(qa_file(name)); },
                [&](const std::string& name) { return detail::read_daquar(folder, qa_file(name)); });
  const auto in_name = [](const std::string& name) { return name == "dev" ? std::string("val") : name; };
  if (!detail::find_json(folder, "questions", "").empty())
    return read([&](const std::string& name) { return !detail::find_json(folder, "questions", in_name(name)).empty(); },
                [&](const std::string& name) { return detail::read_vqa_v2(folder, in_name(name)); });
  fail(folder.string(),
       "holds neither questions.json nor train/questions.json (easy-VQA), qa.train.txt (DAQUAR) or "
       "*questions.json (VQA v2); name another folder");
}

}  // namespace limn::inline LIMN_ABI::data

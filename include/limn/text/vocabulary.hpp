#pragma once
// Vocabulary: words <-> ids, built from counts; one short text that fits into a checkpoint's metadata.

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <limn/text/normalise.hpp>

namespace limn::inline LIMN_ABI::text {

/// Ids 0..3 are the pad, start, end and unknown words; the others follow by falling count, ties by first appearance.
class Vocabulary {
 public:
  static constexpr index_t pad = 0, start = 1, end = 2, unknown = 3;

  /// Only the four special words.
  Vocabulary() : Vocabulary(Tokens{}) {}

  /// The words that appear at least `min_count` times in `sentences` (which hold no start and end words).
  [[nodiscard]] static Vocabulary build(const std::vector<Tokens>& sentences, index_t min_count = 1) {
    struct Count {
      index_t count, first;
    };
    std::unordered_map<std::string, Count> counts;
    for (const Tokens& sentence : sentences)
      for (const std::string& word : sentence)
        ++counts.try_emplace(word, Count{0, static_cast<index_t>(counts.size())}).first->second.count;
    std::vector<std::pair<std::string, Count>> kept;
    for (const auto& entry : counts)
      if (entry.second.count >= min_count) kept.emplace_back(entry);
    std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
      if (a.second.count != b.second.count) return a.second.count > b.second.count;
      return a.second.first < b.second.first;
    });
    Tokens words;
    for (const auto& entry : kept)
      if (!is_special(entry.first)) words.push_back(entry.first);
    return Vocabulary(std::move(words));
  }

  /// How many ids there are, the four special ones included.
  [[nodiscard]] index_t size() const { return static_cast<index_t>(words_.size()); }
  [[nodiscard]] bool contains(const std::string& word) const { return ids_.count(word) != 0; }
  /// The id of `word`, or `unknown`.
  [[nodiscard]] index_t id(const std::string& word) const {
    const auto found = ids_.find(word);
    return found == ids_.end() ? unknown : found->second;
  }
  [[nodiscard]] const std::string& word(index_t id) const {
    if (id < 0 || id >= size()) fail("vocabulary", "there is no id ", id, " among ", size(), " words");
    return words_[static_cast<std::size_t>(id)];
  }
  /// All words in the order of their ids.
  [[nodiscard]] const Tokens& words() const { return words_; }

  /// start, the ids of the words, end.
  [[nodiscard]] std::vector<index_t> encode(const Tokens& sentence) const {
    std::vector<index_t> result{start};
    for (const std::string& word : sentence) result.push_back(id(word));
    result.push_back(end);
    return result;
  }
  /// The words up to the first `end`; pad and start are left out.
  [[nodiscard]] Tokens decode(const std::vector<index_t>& ids) const {
    Tokens result;
    for (const index_t i : ids) {
      if (i == end) break;
      if (i != pad && i != start) result.push_back(word(i));
    }
    return result;
  }

  /// One word a line, in the order of the ids. from_text(to_text()) is the same vocabulary.
  [[nodiscard]] std::string to_text() const {
    std::string text;
    for (const std::string& word : words_) text += word + "\n";
    return text;
  }
  /// Throws Error("<where>: ...") unless `text` came from to_text().
  [[nodiscard]] static Vocabulary from_text(std::string_view text, const std::string& where) {
    Tokens words = split_lines(text, where);
    const Tokens& special = special_words();
    if (words.size() < special.size() || !std::equal(special.begin(), special.end(), words.begin()))
      fail(where, "the vocabulary does not begin with ", join_words(special), "; it is of another program or damaged");
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(special.size()));
    const std::size_t count = words.size();
    Vocabulary result(std::move(words));
    if (result.ids_.size() != count + special.size()) fail(where, "the vocabulary has a word twice; it is damaged");
    return result;
  }

  friend bool operator==(const Vocabulary& a, const Vocabulary& b) { return a.words_ == b.words_; }

 private:
  explicit Vocabulary(Tokens words) : words_(special_words()) {
    words_.insert(words_.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (split_words(words_[i]).size() != 1)
        fail("vocabulary", "a word is empty or holds a blank: \"", words_[i], "\"");
      ids_.emplace(words_[i], static_cast<index_t>(i));
    }
  }

  [[nodiscard]] static const Tokens& special_words() {
    static const Tokens words{"<pad>", start_word, end_word, "<unk>"};
    return words;
  }
  [[nodiscard]] static bool is_special(const std::string& word) {
    return std::find(special_words().begin(), special_words().end(), word) != special_words().end();
  }
  [[nodiscard]] static Tokens split_lines(std::string_view text, const std::string& where) {
    Tokens lines;
    while (!text.empty()) {
      const std::size_t newline = text.find('\n');
      const std::string_view line = text.substr(0, newline);
      if (line.empty() || split_words(line).size() != 1 || !is_valid_utf8(line))
        fail(where, "line ", lines.size() + 1, " of the vocabulary is not one word; it is damaged");
      lines.emplace_back(line);
      text = newline == std::string_view::npos ? std::string_view() : text.substr(newline + 1);
    }
    return lines;
  }

  Tokens words_;
  std::unordered_map<std::string, index_t> ids_;
};

}  // namespace limn::inline LIMN_ABI::text

#pragma once
// Keras' text preprocessing: Tokenizer, pad_sequences, and the caption prefixes that the Keras captioner trains on.

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include <limn/text/normalise.hpp>
#include <limn/text/unicode.hpp>

namespace limn::inline LIMN_ABI::text {

/// Ids of a sentence.
using IdSequence = std::vector<index_t>;

struct KerasTokenizerOptions {
  index_t num_words = 0;                                // ids from here on are not used; 0: all are
  std::optional<std::string> oov_token = std::nullopt;  // gets id 1 and stands for every word without a usable id
  std::string filters = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n";  // characters that separate words (UTF-8)
  bool lower = true;
};

/// Lower-cases, turns each character of `filters` into a space, and splits at spaces.
/// Throws Error for text that is not UTF-8.
[[nodiscard]] inline Tokens keras_words(std::string_view text, const KerasTokenizerOptions& options = {}) {
  const std::u32string filters = utf8_to_code_points(options.filters, "keras tokenizer filters");
  std::u32string characters = utf8_to_code_points(text, "keras tokenizer");
  if (options.lower) characters = lower(characters);
  Tokens words;
  std::string word;
  for (const char32_t c : characters) {
    if (c != U' ' && filters.find(c) == std::u32string::npos) {
      append_utf8(word, c);
      continue;
    }
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

/// keras.preprocessing.text.Tokenizer: ids from 1 by falling count, ties by first appearance; 0 is left for padding.
class KerasTokenizer {
 public:
  explicit KerasTokenizer(KerasTokenizerOptions options = {}) : options_(std::move(options)) {}

  /// Counts the words of `texts`, together with those of earlier calls, and gives out all ids anew.
  void fit(const std::vector<std::string>& texts) {
    for (const std::string& text : texts)
      for (std::string& word : keras_words(text, options_)) {
        const auto entry = positions_.try_emplace(word, counts_.size());
        if (entry.second) counts_.emplace_back(std::move(word), 0);
        ++counts_[entry.first->second].second;
      }
    auto sorted = counts_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    word_index_.clear();
    index_t next = 1;
    if (options_.oov_token) word_index_[*options_.oov_token] = next++;
    for (const auto& entry : sorted)
      word_index_[entry.first] = next++;  // an oov token in the text takes the later id, as in Keras
  }

  /// All words with their ids, whatever num_words says.
  [[nodiscard]] const std::unordered_map<std::string, index_t>& word_index() const { return word_index_; }
  /// One more than the largest id: the size of an embedding.
  [[nodiscard]] index_t vocabulary_size() const { return static_cast<index_t>(word_index_.size()) + 1; }

  /// The ids of the words of `text`. Words unknown or with ids >= num_words are left out, or are the oov token.
  [[nodiscard]] IdSequence sequence(std::string_view text) const {
    IdSequence ids;
    std::optional<index_t> oov;
    if (options_.oov_token && !word_index_.empty()) oov = word_index_.at(*options_.oov_token);
    for (const std::string& word : keras_words(text, options_)) {
      const auto found = word_index_.find(word);
      if (found != word_index_.end() && (options_.num_words == 0 || found->second < options_.num_words))
        ids.push_back(found->second);
      else if (oov)
        ids.push_back(*oov);
    }
    return ids;
  }
  [[nodiscard]] std::vector<IdSequence> sequences(const std::vector<std::string>& texts) const {
    std::vector<IdSequence> result;
    for (const std::string& text : texts) result.push_back(sequence(text));
    return result;
  }

 private:
  KerasTokenizerOptions options_;
  std::vector<std::pair<std::string, index_t>> counts_;  // by first appearance
  std::unordered_map<std::string, std::size_t> positions_;
  std::unordered_map<std::string, index_t> word_index_;
};

/// Which end of a sequence padding goes to, or is cut from.
enum class Side { pre, post };

struct PadOptions {
  index_t length = -1;  // of every row; -1: of the longest sequence
  Side padding = Side::pre;
  Side truncating = Side::pre;  // pre keeps the LAST ids
  index_t value = 0;
};

/// keras pad_sequences: rows of equal length.
[[nodiscard]] inline std::vector<IdSequence> pad_sequences(const std::vector<IdSequence>& sequences,
                                                           const PadOptions& options = {}) {
  std::size_t length = 0;
  for (const IdSequence& ids : sequences) length = std::max(length, ids.size());
  if (options.length >= 0) length = static_cast<std::size_t>(options.length);
  std::vector<IdSequence> rows;
  for (const IdSequence& ids : sequences) {
    const auto kept = static_cast<std::ptrdiff_t>(std::min(length, ids.size()));
    IdSequence row = options.truncating == Side::pre ? IdSequence(ids.end() - kept, ids.end())
                                                     : IdSequence(ids.begin(), ids.begin() + kept);
    row.insert(options.padding == Side::pre ? row.begin() : row.end(), length - row.size(), options.value);
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Caption prefixes and the word that follows each: what the Keras captioner expands captions into. A caption of n ids
/// gives the n - 1 rows ids[0:k] (pre-padded to `length`) -> ids[k].
struct PrefixPairs {
  std::vector<IdSequence> prefixes;
  IdSequence next;
};

[[nodiscard]] inline PrefixPairs prefix_pairs(const std::vector<IdSequence>& captions, index_t length) {
  PrefixPairs pairs;
  for (const IdSequence& ids : captions)
    for (std::size_t k = 1; k < ids.size(); ++k) {
      pairs.prefixes.emplace_back(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(k));
      pairs.next.push_back(ids[k]);
    }
  pairs.prefixes = pad_sequences(pairs.prefixes, {.length = length});
  return pairs;
}

}  // namespace limn::inline LIMN_ABI::text

#pragma once
// Porter's stemmer: "running" and "runs" -> "run".

#include <array>
#include <string>
#include <string_view>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI::text {

namespace detail {

/// The steps of M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the two departures of the
/// author's own program: "logi" -> "log" in step 2, and words of one or two letters stay as they are.
class PorterStemmer {
 public:
  explicit PorterStemmer(std::string_view word) : word_(word) {}

  [[nodiscard]] std::string stem() {
    if (word_.size() <= 2) return word_;
    step_1();
    step_2_and_3();
    step_4();
    step_5();
    return word_;
  }

 private:
  struct Rule {
    std::string_view suffix, replacement;
  };

  [[nodiscard]] bool is_consonant(std::size_t i) const {
    const char c = word_[i];
    if (c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u') return false;
    return c != 'y' || i == 0 || !is_consonant(i - 1);
  }
  /// m of the first `length` letters: how often a vowel is followed by a consonant.
  [[nodiscard]] int measure(std::size_t length) const {
    int m = 0;
    for (std::size_t i = 1; i < length; ++i) m += is_consonant(i) && !is_consonant(i - 1) ? 1 : 0;
    return m;
  }
  [[nodiscard]] bool has_vowel(std::size_t length) const {
    for (std::size_t i = 0; i < length; ++i)
      if (!is_consonant(i)) return true;
    return false;
  }
  [[nodiscard]] bool ends_in_double_consonant() const {
    const std::size_t n = word_.size();
    return n >= 2 && word_[n - 1] == word_[n - 2] && is_consonant(n - 1);
  }
  /// The first `length` letters end consonant, vowel, consonant, and the last is not w, x or y.
  [[nodiscard]] bool ends_in_cvc(std::size_t length) const {
    if (length < 3) return false;
    const char last = word_[length - 1];
    return is_consonant(length - 1) && !is_consonant(length - 2) && is_consonant(length - 3) && last != 'w' &&
           last != 'x' && last != 'y';
  }
  [[nodiscard]] bool ends_with(std::string_view suffix) const {
    return word_.size() >= suffix.size() && std::string_view(word_).substr(word_.size() - suffix.size()) == suffix;
  }
  [[nodiscard]] std::size_t stem_length(std::string_view suffix) const { return word_.size() - suffix.size(); }
  void replace(std::string_view suffix, std::string_view replacement) {
    word_.resize(stem_length(suffix));
    word_ += replacement;
  }
  /// Applies the first rule whose suffix fits, if m of the rest is above `least`; true when a suffix fitted at all.
  template <std::size_t N>
  bool apply(const std::array<Rule, N>& rules, int least) {
    for (const Rule& rule : rules) {
      if (!ends_with(rule.suffix)) continue;
      if (measure(stem_length(rule.suffix)) > least) replace(rule.suffix, rule.replacement);
      return true;
    }
    return false;
  }

  void step_1() {
    if (ends_with("sses") || ends_with("ies"))
      word_.resize(word_.size() - 2);
    else if (ends_with("s") && !ends_with("ss"))
      word_.pop_back();

    if (ends_with("eed")) {
      if (measure(stem_length("eed")) > 0) word_.pop_back();
    } else {
      for (const std::string_view suffix : {std::string_view("ed"), std::string_view("ing")}) {
        if (!ends_with(suffix)) continue;
        if (has_vowel(stem_length(suffix))) strip_and_mend(suffix);
        break;
      }
    }
    if (ends_with("y") && has_vowel(word_.size() - 1)) word_.back() = 'i';
  }
  void strip_and_mend(std::string_view suffix) {
    replace(suffix, "");
    if (ends_with("at") || ends_with("bl") || ends_with("iz"))
      word_ += 'e';
    else if (ends_in_double_consonant() && !ends_with("l") && !ends_with("s") && !ends_with("z"))
      word_.pop_back();
    else if (measure(word_.size()) == 1 && ends_in_cvc(word_.size()))
      word_ += 'e';
  }
  void step_2_and_3() {
    static constexpr std::array<Rule, 21> second = {
        {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
         {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
         {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
         {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
         {"logi", "log"}}};
    static constexpr std::array<Rule, 7> third = {
        {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}}};
    apply(second, 0);
    apply(third, 0);
  }
  void step_4() {
    static constexpr std::array<Rule, 10> first = {{{"al", ""},
                                                    {"ance", ""},
                                                    {"ence", ""},
                                                    {"er", ""},
                                                    {"ic", ""},
                                                    {"able", ""},
                                                    {"ible", ""},
                                                    {"ant", ""},
                                                    {"ement", ""},
                                                    {"ment", ""}}};
    static constexpr std::array<Rule, 8> second = {
        {{"ent", ""}, {"ou", ""}, {"ism", ""}, {"ate", ""}, {"iti", ""}, {"ous", ""}, {"ive", ""}, {"ize", ""}}};
    if (apply(first, 1)) return;
    if (ends_with("ion")) {
      const std::size_t length = stem_length("ion");
      if (length > 0 && (word_[length - 1] == 's' || word_[length - 1] == 't') && measure(length) > 1)
        replace("ion", "");
      return;
    }
    apply(second, 1);
  }
  void step_5() {
    if (ends_with("e")) {
      const std::size_t length = word_.size() - 1;
      const int m = measure(length);
      if (m > 1 || (m == 1 && !ends_in_cvc(length))) word_.pop_back();
    }
    if (ends_with("ll") && measure(word_.size()) > 1) word_.pop_back();
  }

  std::string word_;
};

}  // namespace detail

/// The stem of a lower-case English word.
[[nodiscard]] inline std::string porter_stem(std::string_view word) { return detail::PorterStemmer(word).stem(); }

}  // namespace limn::inline LIMN_ABI::text

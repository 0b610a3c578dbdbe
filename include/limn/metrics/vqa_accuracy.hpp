#pragma once
// The accuracy of visual question answering: answers made comparable, and agreement with several people's answers
// (Antol et al. 2015; the rules of normalisation are those of the VQA evaluation).

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <limn/text/normalise.hpp>

namespace limn::inline LIMN_ABI::metrics {

namespace detail {

[[nodiscard]] inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Words for numbers up to ten, and contractions that lost their apostrophe.
[[nodiscard]] inline const std::unordered_map<std::string, std::string>& answer_words() {
  static const std::unordered_map<std::string, std::string> words = [] {
    std::unordered_map<std::string, std::string> map = {{"none", "0"},
                                                        {"zero", "0"},
                                                        {"one", "1"},
                                                        {"two", "2"},
                                                        {"three", "3"},
                                                        {"four", "4"},
                                                        {"five", "5"},
                                                        {"six", "6"},
                                                        {"seven", "7"},
                                                        {"eight", "8"},
                                                        {"nine", "9"},
                                                        {"ten", "10"},
                                                        {"im", "i'm"},
                                                        {"lets", "let's"},
                                                        {"maam", "ma'am"},
                                                        {"oclock", "o'clock"},
                                                        {"hes", "he's"},
                                                        {"shes", "she's"},
                                                        {"thats", "that's"},
                                                        {"whats", "what's"},
                                                        {"wheres", "where's"},
                                                        {"whos", "who's"},
                                                        {"hows", "how's"},
                                                        {"theres", "there's"},
                                                        {"yall", "y'all"},
                                                        {"theyre", "they're"},
                                                        {"youre", "you're"},
                                                        {"whyre", "why're"},
                                                        {"theyd", "they'd"},
                                                        {"youd", "you'd"},
                                                        {"theyll", "they'll"},
                                                        {"youll", "you'll"},
                                                        {"itll", "it'll"},
                                                        {"whatll", "what'll"},
                                                        {"wholl", "who'll"},
                                                        {"ive", "i've"},
                                                        {"youve", "you've"},
                                                        {"weve", "we've"},
                                                        {"theyve", "they've"},
                                                        {"mightve", "might've"},
                                                        {"couldve", "could've"},
                                                        {"shouldve", "should've"},
                                                        {"wouldve", "would've"},
                                                        {"mustve", "must've"}};
    for (const char* stem : {"ain", "aren", "can", "couldn", "didn", "doesn", "don", "hadn", "hasn", "haven", "isn",
                             "mightn", "mustn", "needn", "shouldn", "wasn", "weren", "won", "wouldn"})
      map[std::string(stem) + "t"] = std::string(stem) + "'t";
    return map;
  }();
  return words;
}

/// Punctuation goes, or becomes a blank where it joins two words; a point stays before a digit.
[[nodiscard]] inline std::string without_punctuation(std::string_view text) {
  constexpr std::string_view marks = ";/[]\"{}()=+\\_-><@`,?!";
  bool thousands = false;  // "1,000": then every mark goes without leaving a blank
  for (std::size_t i = 1; i + 1 < text.size(); ++i)
    thousands = thousands || (text[i] == ',' && is_digit(text[i - 1]) && is_digit(text[i + 1]));
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !(i + 1 < text.size() && is_digit(text[i + 1]))) continue;
    if (marks.find(c) == std::string_view::npos) {
      result += c;
      continue;
    }
    const std::string after{c, ' '}, before{' ', c};
    const bool loose = text.find(after) != std::string_view::npos || text.find(before) != std::string_view::npos;
    if (!loose && !thousands) result += ' ';
  }
  return result;
}

}  // namespace detail

/// Lower case, punctuation and articles dropped, numbers up to ten as digits, contractions with their apostrophe.
[[nodiscard]] inline std::string normalised_answer(std::string_view answer) {
  std::string plain;
  for (const char c : answer) plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  text::Tokens words;
  for (std::string& word : text::split_words(detail::without_punctuation(text::join_words(text::split_words(plain))))) {
    if (word == "a" || word == "an" || word == "the") continue;
    const auto found = detail::answer_words().find(word);
    words.push_back(found == detail::answer_words().end() ? word : found->second);
  }
  return text::join_words(words);
}

/// Agreement of an answer with the people who were asked: for each of them, min(1, how many of the *others* said the
/// same / 3); the mean of these. With one person: 1 if it is that person's answer. All answers are normalised first.
[[nodiscard]] inline double vqa_accuracy(const std::string& answer, const std::vector<std::string>& people) {
  if (people.empty()) fail("vqa_accuracy", "nobody was asked");
  const std::string given = normalised_answer(answer);
  std::vector<bool> same;
  index_t agreeing = 0;
  for (const std::string& person : people) {
    same.push_back(normalised_answer(person) == given);
    agreeing += same.back() ? 1 : 0;
  }
  if (people.size() == 1) return agreeing ? 1 : 0;
  double sum = 0;
  for (const bool one : same) sum += std::min(1.0, static_cast<double>(agreeing - (one ? 1 : 0)) / 3);
  return sum / static_cast<double>(people.size());
}

}  // namespace limn::inline LIMN_ABI::metrics

// Kind keras-text: the cleaning of captions, Keras' Tokenizer and pad_sequences, and the captioner's training pairs.

#include <limits>

#include <limn/text/keras_tokenizer.hpp>

#include "fixture.hpp"
#include "kinds.hpp"

namespace limn::golden {

namespace {

using Texts = std::vector<std::string>;
using Rows = std::vector<text::IdSequence>;

/// "sequences_first50" -> 50 for the prefix "sequences"; everything for the prefix alone; -1 for another name.
index_t first_count(const std::string& name, const std::string& prefix) {
  if (name == prefix) return std::numeric_limits<index_t>::max();
  const std::string head = prefix + "_first";
  return name.rfind(head, 0) == 0 ? std::stoll(name.substr(head.size())) : -1;
}

class KerasTextCheck {
 public:
  KerasTextCheck(const std::filesystem::path& folder, Report& report)
      : report_(report), expected_(io::parse_json_file(folder / "expected.json")) {
    raw_ = io::json_value<Texts>(expected_, "captions_raw", "expected.json");
    for (const std::string& caption : raw_) clean_.push_back(text::framed_caption(caption));
    tokenizer_.fit(clean_);
    for (const std::string& caption : clean_)
      max_length_ = std::max(max_length_, static_cast<index_t>(text::split_words(caption).size()));
  }

  void run() {
    for (const auto& entry : expected_.items()) report_.guard(entry.key(), [&] { check(entry.key(), entry.value()); });
  }

 private:
  void check(const std::string& name, const io::Json& wanted) {
    const io::Json& meta = report_.meta();
    if (name == "captions_raw") return;
    if (name == "captions_clean") return report_.fact(name, wanted.get<Texts>() == clean_);
    if (name == "vocab_size") return report_.fact(name, wanted.get<index_t>() == tokenizer_.vocabulary_size());
    if (name == "max_length") return report_.fact(name, wanted.get<index_t>() == max_length_);
    if (name == "probe") return probe(wanted);
    if (name == "pad_sequences") return pad(wanted, meta.at("pad_sequences"));
    if (meta.contains("second_tokenizer") && meta["second_tokenizer"].at("key") == name)
      return second_tokenizer(name, wanted, meta["second_tokenizer"]);
    if (meta.contains("training_pairs") && meta["training_pairs"].at("key") == name)
      return training_pairs(name, wanted, meta["training_pairs"].at("captions").get<std::vector<std::size_t>>());
    if (!tokenized(name, name, wanted, tokenizer_, clean_)) report_.wrong(name, "is an unknown check");
  }

  /// word_index... and sequences... of a tokenizer; false for other keys.
  bool tokenized(const std::string& title, const std::string& key, const io::Json& wanted,
                 const text::KerasTokenizer& tokenizer, const Texts& texts) {
    if (const index_t count = first_count(key, "word_index"); count >= 0) {
      std::map<std::string, index_t> first;
      for (const auto& entry : tokenizer.word_index())
        if (entry.second <= count) first.insert(entry);
      report_.fact(title, wanted.get<std::map<std::string, index_t>>() == first);
      return true;
    }
    const index_t count = first_count(key, "sequences");
    if (count < 0) return false;
    const auto used = static_cast<std::size_t>(std::min(count, static_cast<index_t>(texts.size())));
    const Texts first(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(used));
    report_.fact(title, wanted.get<Rows>() == tokenizer.sequences(first));
    return true;
  }

  void probe(const io::Json& wanted) {
    for (const io::Json& row : wanted) {
      const auto line = row.at("text").get<std::string>();
      if (row.contains("words"))
        report_.fact("probe words " + io::in_quotes(line), row["words"].get<Texts>() == text::keras_words(line));
      report_.fact("probe ids " + io::in_quotes(line),
                   row.at("ids").get<text::IdSequence>() == tokenizer_.sequence(line));
    }
  }

  void second_tokenizer(const std::string& name, const io::Json& wanted, const io::Json& meta) {
    Options o(meta, name);
    for (const char* known : {"key", "fit_on"}) o.ignore(known);
    text::KerasTokenizerOptions options;
    options.num_words = o.get<index_t>("num_words", 0);
    if (o.has("oov_token")) options.oov_token = o.get<std::string>("oov_token");
    if (o.has("filters")) options.filters = o.get<std::string>("filters");
    options.lower = o.get("lower", true);
    o.done();
    const bool on_raw = io::json_value_or<std::string>(meta, "fit_on", "captions_raw", name) == "captions_raw";
    const Texts& texts = on_raw ? raw_ : clean_;
    text::KerasTokenizer tokenizer(options);
    tokenizer.fit(texts);
    for (const auto& entry : wanted.items()) {
      const std::string title = name + "." + entry.key();
      if (entry.key() == "filters")
        report_.fact(title, entry.value().get<std::string>() == options.filters);
      else if (!tokenized(title, entry.key(), entry.value(), tokenizer, texts))
        report_.wrong(title, "is an unknown check");
    }
  }

  void pad(const io::Json& wanted, const io::Json& cases) {
    const auto input = wanted.at("input").get<Rows>();
    const auto side = [](const std::string& name) {
      if (name != "pre" && name != "post") fail("pad_sequences", "unknown side ", name);
      return name == "pre" ? text::Side::pre : text::Side::post;
    };
    for (const io::Json& options : cases) {
      Options o(options, "pad_sequences");
      const auto key = o.get<std::string>("key");
      text::PadOptions pad;
      pad.length = o.get<index_t>("maxlen", -1);
      pad.padding = side(o.get<std::string>("padding", "pre"));
      pad.truncating = side(o.get<std::string>("truncating", "pre"));
      pad.value = o.get<index_t>("value", 0);
      o.done();
      report_.fact("pad_sequences." + key, wanted.at(key).get<Rows>() == text::pad_sequences(input, pad));
    }
    if (wanted.size() != cases.size() + 1)
      report_.wrong("pad_sequences", "has results that meta.json does not describe");
  }

  void training_pairs(const std::string& name, const io::Json& wanted, const std::vector<std::size_t>& captions) {
    Rows sequences;
    for (const std::size_t i : captions) sequences.push_back(tokenizer_.sequence(clean_.at(i)));
    const text::PrefixPairs pairs = text::prefix_pairs(sequences, max_length_);
    for (const auto& entry : wanted.items()) {
      if (entry.key() == "X2")
        report_.fact(name + ".X2", entry.value().get<Rows>() == pairs.prefixes);
      else if (entry.key().rfind("y", 0) == 0)
        report_.fact(name + "." + entry.key(), entry.value().get<text::IdSequence>() == pairs.next);
      else
        report_.wrong(name + "." + entry.key(), "is an unknown check");
    }
  }

  Report& report_;
  io::Json expected_;
  Texts raw_, clean_;
  text::KerasTokenizer tokenizer_;
  index_t max_length_ = 0;
};

}  // namespace

void check_keras_text(const std::filesystem::path& folder, Report& report) { KerasTextCheck(folder, report).run(); }

}  // namespace limn::golden

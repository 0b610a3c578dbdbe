// Kind metrics: BLEU in both forms, ROUGE-L, CIDEr-D, GLEU and BLEU's smoothing, over corpora and sentence by sentence.

#include <limn/metrics/bleu.hpp>
#include <limn/metrics/cider.hpp>
#include <limn/metrics/rouge.hpp>

#include "kinds.hpp"

namespace limn::golden {

namespace {

using metrics::Tokens;

struct Corpus {
  std::vector<Tokens> hypotheses;
  std::vector<std::vector<Tokens>> references;

  [[nodiscard]] Corpus subset(const std::vector<std::size_t>& indices) const {
    Corpus result;
    for (const std::size_t i : indices) {
      if (i >= hypotheses.size()) fail("metrics", "there is no sentence ", i);
      result.hypotheses.push_back(hypotheses[i]);
      result.references.push_back(references[i]);
    }
    return result;
  }
  [[nodiscard]] Corpus first(std::size_t count) const {
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < count && i < hypotheses.size(); ++i) indices.push_back(i);
    return subset(indices);
  }
};

Tokens words_of(const std::string& text) {
  Tokens words(1);
  for (const char c : text) {
    if (c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  }
  words.erase(std::remove(words.begin(), words.end(), std::string()), words.end());
  return words;
}

Corpus read_corpus(const std::filesystem::path& path) {
  Corpus corpus;
  for (const io::Json& entry : io::parse_json_file(path)) {
    corpus.hypotheses.push_back(words_of(io::json_value<std::string>(entry, "hyp", path.string())));
    corpus.references.emplace_back();
    for (const auto& text : io::json_value<std::vector<std::string>>(entry, "refs", path.string()))
      corpus.references.back().push_back(words_of(text));
  }
  return corpus;
}

/// "..._first20" -> the first 20 sentences.
Corpus named_part(const Corpus& corpus, const std::string& name) {
  const std::size_t at = name.rfind("_first");
  return at == std::string::npos ? corpus : corpus.first(std::stoul(name.substr(at + 6)));
}

class MetricsCheck {
 public:
  MetricsCheck(const std::filesystem::path& folder, Report& report)
      : folder_(folder), report_(report), corpus_(read_corpus(folder / "corpus.json")) {
    const io::Json& meta = report.meta();
    if (meta.contains("nltk_weights")) weights_ = meta["nltk_weights"].get<decltype(weights_)>();
    if (meta.contains("tolerance") && meta["tolerance"].contains("all")) {
      tolerance_.rtol = io::json_value_or(meta["tolerance"]["all"], "rtol", tolerance_.rtol, "tolerance");
      tolerance_.atol = io::json_value_or(meta["tolerance"]["all"], "atol", tolerance_.atol, "tolerance");
    }
  }

  void run() {
    const io::Json expected = io::parse_json_file(folder_ / "expected.json");
    for (const auto& group : expected.items()) {
      const std::string& name = group.key();
      if (name == "nltk")
        for (const auto& entry : group.value().items())
          report_.guard(entry.key(), [&] { nltk(entry.key(), entry.value(), group.value()); });
      else if (name.rfind("pycocoevalcap", 0) == 0)
        report_.guard(name, [&] { coco(name, group.value()); });
      else if (name != "sacrebleu")  // optional: its own tokenisers are not part of limn
        report_.wrong(name, "is an unknown group of metrics");
    }
    const std::filesystem::path sentences = folder_ / "expected_per_sentence.json";
    if (std::filesystem::exists(sentences))
      report_.guard("per sentence", [&] { per_sentence(io::parse_json_file(sentences)); });
  }

 private:
  void value(const std::string& name, double got, const io::Json& wanted) {
    if (wanted.is_string()) return;  // "raises ...": the reference gave no number
    report_.value(name, got, wanted.get<double>(), tolerance_);
  }
  void values(const std::string& name, const std::vector<double>& got, const io::Json& wanted) {
    if (got.size() != wanted.size()) return report_.wrong(name, "has another number of sentences");
    std::size_t bad = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
      if (wanted[i].is_number())
        bad += std::fabs(got[i] - wanted[i].get<double>()) <= tolerance_.allowed(wanted[i].get<double>()) ? 0 : 1;
    report_.fact(name, bad == 0, std::to_string(bad) + " of " + std::to_string(got.size()) + " sentences differ");
  }

  static const std::vector<std::pair<std::string, metrics::BleuSmoothing>>& smoothings() {
    using enum metrics::BleuSmoothing;
    static const std::vector<std::pair<std::string, metrics::BleuSmoothing>> all = {
        {"method0", none}, {"method1", epsilon}, {"method2", add_one}, {"method3", nist}, {"method4", by_length}};
    return all;
  }
  [[nodiscard]] static double nltk_bleu(const Corpus& corpus, const std::vector<double>& weights,
                                        metrics::BleuSmoothing smoothing = metrics::BleuSmoothing::none) {
    const auto statistics =
        metrics::bleu_statistics(corpus.hypotheses, corpus.references, static_cast<int>(weights.size()));
    return metrics::nltk_bleu(metrics::sum(statistics), weights, smoothing);
  }
  const std::vector<double>& weights(const std::string& name) const {
    const auto found = weights_.find(name);
    if (found == weights_.end()) fail("metrics", "meta.json has no nltk_weights named ", name);
    return found->second;
  }

  void nltk(const std::string& name, const io::Json& wanted, const io::Json& all) {
    if (name.rfind("corpus_bleu_smoothing", 0) == 0) {
      const bool worst = name.find("worst_subset") != std::string::npos;
      const Corpus part =
          worst ? corpus_.subset(all.at("worst_subset_indices").get<std::vector<std::size_t>>()) : corpus_;
      const std::size_t open = name.find('('), close = name.find(')');
      const std::string which = open == std::string::npos ? "bleu4" : name.substr(open + 1, close - open - 1);
      for (const auto& smoothing : smoothings())
        if (wanted.contains(smoothing.first))
          value(name + "." + smoothing.first, nltk_bleu(part, weights(which), smoothing.second),
                wanted[smoothing.first]);
    } else if (name == "corpus_bleu_auto_reweigh") {
      value(name, nltk_bleu(corpus_, weights("bleu4")), wanted);  // differs for corpora of fewer than four words only
    } else if (name.rfind("corpus_bleu", 0) == 0) {
      for (const auto& entry : wanted.items())
        report_.guard(name, [&] {
          value(name + "." + entry.key(), nltk_bleu(named_part(corpus_, name), weights(entry.key())), entry.value());
        });
    } else if (name.rfind("corpus_gleu", 0) == 0) {
      const Corpus part = named_part(corpus_, name);
      value(name, metrics::corpus_gleu(part.hypotheses, part.references), wanted);
    } else if (name != "worst_subset_indices") {
      report_.wrong(name, "is an unknown metric");
    }
  }

  void coco(const std::string& group, const io::Json& wanted) {
    const Corpus part = named_part(corpus_, group);
    const auto statistics = metrics::bleu_statistics(part.hypotheses, part.references, 4);
    const std::vector<double> bleu = metrics::coco_bleu(metrics::sum(statistics));
    for (const auto& entry : wanted.items()) {
      const std::string name = group + "." + entry.key();
      if (entry.key().rfind("Bleu_", 0) == 0)
        value(name, bleu.at(std::stoul(entry.key().substr(5)) - 1), entry.value());
      else if (entry.key() == "ROUGE_L")
        value(name, metrics::rouge_l(part.hypotheses, part.references), entry.value());
      else if (entry.key() == "CIDEr")
        value(name, metrics::cider_d(part.hypotheses, part.references), entry.value());
      else
        report_.wrong(name, "is an unknown metric");
    }
  }

  void per_sentence(const io::Json& wanted) {
    const auto statistics = metrics::bleu_statistics(corpus_.hypotheses, corpus_.references, 4);
    const auto each = [&](auto&& score) {
      std::vector<double> result;
      for (const metrics::BleuStatistics& s : statistics) result.push_back(score(s));
      return result;
    };
    if (wanted.contains("nltk_sentence_bleu")) {
      const io::Json& group = wanted["nltk_sentence_bleu"];
      for (const auto& smoothing : smoothings())
        if (group.contains(smoothing.first))
          values("nltk_sentence_bleu." + smoothing.first, each([&](const metrics::BleuStatistics& s) {
                   return metrics::nltk_bleu(s, weights("bleu4"), smoothing.second);
                 }),
                 group[smoothing.first]);
      for (const std::string name : {"bleu1", "bleu4"})
        if (group.contains("none_" + name))
          values("nltk_sentence_bleu.none_" + name,
                 each([&](const metrics::BleuStatistics& s) { return metrics::nltk_bleu(s, weights(name)); }),
                 group["none_" + name]);
    }
    if (wanted.contains("pycocoevalcap")) {
      const io::Json& group = wanted["pycocoevalcap"];
      for (std::size_t k = 0; k < 4; ++k) {
        const std::string name = "Bleu_" + std::to_string(k + 1);
        if (group.contains(name))
          values("sentences." + name, each([&](const metrics::BleuStatistics& s) { return metrics::coco_bleu(s)[k]; }),
                 group[name]);
      }
      if (group.contains("ROUGE_L"))
        values("sentences.ROUGE_L", metrics::rouge_l_sentences(corpus_.hypotheses, corpus_.references),
               group["ROUGE_L"]);
      if (group.contains("CIDEr"))
        values("sentences.CIDEr", metrics::cider_d_sentences(corpus_.hypotheses, corpus_.references), group["CIDEr"]);
    }
  }

  std::filesystem::path folder_;
  Report& report_;
  Corpus corpus_;
  std::map<std::string, std::vector<double>> weights_;
  Tolerance tolerance_{1e-12, 1e-9, 0, false};
};

}  // namespace

void check_metrics(const std::filesystem::path& folder, Report& report) { MetricsCheck(folder, report).run(); }

}  // namespace limn::golden

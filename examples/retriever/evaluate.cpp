#include "retriever/evaluate.hpp"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <optional>
#include <set>

#include <limn/data/flickr8k.hpp>
#include <limn/image/decode.hpp>
#include <limn/metrics/retrieval.hpp>

#include "captioner/features.hpp"
#include "retriever/default_checkpoint.hpp"
#include "retriever/gallery.hpp"
#include "retriever/matcher.hpp"
#include "shared/errors.hpp"
#include "shared/html_sheet.hpp"
#include "shared/progress.hpp"
#include "shared/sheet_image.hpp"

namespace limn::retriever {
namespace {

/// How many of the exact ten best the graph finds too, over all queries.
double graph_recall(Matcher& matcher, const Tensor<float>& items, const Tensor<float>& queries) {
  Gallery gallery(matcher.fingerprint(), "images", items.size(1));
  std::vector<std::string> names;
  for (index_t i = 0; i < items.size(0); ++i) names.push_back(std::to_string(i));
  gallery.add(names, items);
  index_t found = 0, wanted = 0;
  for (index_t q = 0; q < queries.size(0); ++q) {
    std::set<index_t> exact;
    for (const Hit& hit : gallery.search_exactly(queries.data() + q * queries.size(1), 10)) exact.insert(hit.item);
    for (const Hit& hit : gallery.search(queries.data() + q * queries.size(1), 10))
      found += exact.count(hit.item) ? 1 : 0;
    wanted += static_cast<index_t>(exact.size());
  }
  return static_cast<double>(found) / static_cast<double>(wanted);
}

/// Random images, the three texts most like each, and how far down its own are.
app::Sheet samples(const EvaluateOptions& options, const std::vector<const data::CaptionedImage*>& items,
                   const Tensor<float>& similarities, const std::vector<index_t>& owner) {
  std::vector<const std::string*> texts;
  for (const data::CaptionedImage* item : items)
    for (const std::string& caption : item->captions) texts.push_back(&caption);
  app::Sheet sheet;
  for (const index_t i : app::sample(static_cast<index_t>(items.size()), options.html_images, options.seed)) {
    const float* const row = similarities.data() + i * similarities.size(1);
    std::vector<std::size_t> order(texts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return row[a] > row[b]; });
    const data::CaptionedImage& item = *items[static_cast<std::size_t>(i)];
    const auto rank =
        std::find_if(order.begin(), order.end(), [&](std::size_t t) { return owner[t] == i; }) - order.begin();
    app::SheetItem card{.name = item.file + ": the first of its own texts is number " + std::to_string(rank + 1),
                        .image = app::sheet_image(image::decode_file(item.path), 320),
                        .references = item.captions};
    for (std::size_t k = 0; k < std::min<std::size_t>(3, order.size()); ++k)
      card.captions.push_back({*texts[order[k]], app::score_text("similarity", static_cast<double>(row[order[k]]))});
    sheet.items.push_back(std::move(card));
  }
  sheet.title = std::to_string(sheet.items.size()) + " images of the split " + options.split;
  sheet.subtitle =
      "drawn at random, with the three texts that limn finds most alike among " + std::to_string(texts.size());
  return sheet;
}

}  // namespace

int evaluate(const EvaluateOptions& options) {
  NoGradGuard no_grad;
  const std::string checkpoint = options.checkpoint.empty() ? default_checkpoint() : options.checkpoint;
  Matcher matcher = Matcher::load(checkpoint);
  std::optional<io::AtomicFile> html;  // opened before the work: a sheet that cannot be written is known at once
  if (!options.html.empty()) html.emplace(options.html);
  std::optional<captioner::FeatureFile> file;
  std::unique_ptr<captioner::Encoder> encoder;
  if (options.features.empty()) {
    encoder = matcher.encoder(checkpoint, options.weights);
    encoder->prepack();
  } else {
    file.emplace(options.features);
    matcher.require_features(*file, options.features);
  }
  data::CaptionDataOptions wanted;
  wanted.splits = {options.split == "val" ? "dev" : options.split};
  wanted.ratio = data::parse_split_ratio(options.split_ratio);
  wanted.seed = options.seed;
  wanted.need_images = !file || html;
  const data::CaptionData data = data::read_flickr8k(options.data, wanted);
  for (const std::string& note : data.notes) std::fprintf(stderr, "retriever: note: %s\n", app::one_line(note).c_str());

  std::vector<const data::CaptionedImage*> items;
  for (const index_t i : data.split(wanted.splits[0])) {
    if (options.limit > 0 && static_cast<index_t>(items.size()) == options.limit) break;
    const data::CaptionedImage& image = data.images[static_cast<std::size_t>(i)];
    if (!image.captions.empty()) items.push_back(&image);
  }
  if (items.empty())
    fail(options.data, "its ", wanted.splits[0], " split holds no captioned image; check the lists or --split");
  std::vector<Tensor<float>> images, texts;
  std::vector<index_t> owner;
  app::watch_signals();
  app::Progress progress("images", static_cast<index_t>(items.size()), options.quiet);
  const std::size_t chunk = file ? 100 : 8;
  for (std::size_t first = 0; first < items.size(); first += chunk) {
    if (app::stop_requested()) return app::stopped_status();
    const std::size_t last = std::min(items.size(), first + chunk);
    std::vector<index_t> rows;
    std::vector<image::Image> pictures;
    std::vector<std::vector<index_t>> captions;
    for (std::size_t i = first; i < last; ++i) {
      if (file)
        rows.push_back(file->row(items[i]->file));
      else
        pictures.push_back(image::decode_file(items[i]->path));
      for (const std::string& caption : items[i]->captions) {
        captions.push_back(matcher.encode(caption).ids);
        owner.push_back(static_cast<index_t>(i));
      }
    }
    images.push_back(matcher.image_vectors(file ? matcher.input(file->read(rows, matcher.reads_grid()))
                                                : matcher.input((*encoder)(pictures))));
    texts.push_back(matcher.text_vectors(captions));
    progress.update(static_cast<index_t>(last));
  }
  progress.finish();
  const Tensor<float> a = concat<float>(images, 0), b = concat<float>(texts, 0), s = matmul(a, transpose(b));
  const auto found = metrics::cross_retrieval(s.data(), s.size(0), owner);
  if (html) {
    html->write(app::html_sheet(samples(options, items, s, owner)));
    html->commit();
  }
  const double graph = graph_recall(matcher, a, b);
  const auto &i = found.image_to_text, &t = found.text_to_image;
  if (options.json) {
    std::printf("%s\n", io::dump_json({{"i2t_r1", i.r1},
                                       {"i2t_r5", i.r5},
                                       {"i2t_r10", i.r10},
                                       {"i2t_medr", i.median_rank},
                                       {"t2i_r1", t.r1},
                                       {"t2i_r5", t.r5},
                                       {"t2i_r10", t.r10},
                                       {"t2i_medr", t.median_rank},
                                       {"graph_recall_10", graph},
                                       {"images", items.size()}})
                            .c_str());
    return 0;
  }
  std::printf("%zu images, %zu texts    R@1    R@5   R@10  median rank\n", items.size(), owner.size());
  std::printf("image -> text         %6.4f %6.4f %6.4f  %11.1f\n", i.r1, i.r5, i.r10, i.median_rank);
  std::printf("text -> image         %6.4f %6.4f %6.4f  %11.1f\n", t.r1, t.r5, t.r10, t.median_rank);
  std::printf("the graph finds %.4f of the exact ten nearest\n", graph);
  return 0;
}

}  // namespace limn::retriever

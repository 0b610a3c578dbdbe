#include "retriever/search.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include <limn/data/lines.hpp>
#include <limn/image/decode.hpp>

#include "retriever/default_checkpoint.hpp"
#include "retriever/gallery.hpp"
#include "retriever/matcher.hpp"
#include "shared/errors.hpp"
#include "shared/html_sheet.hpp"
#include "shared/image_files.hpp"
#include "shared/progress.hpp"
#include "shared/sheet_image.hpp"

namespace limn::retriever {
namespace {

std::string checkpoint_of(const ModelOptions& options) {
  return options.checkpoint.empty() ? default_checkpoint() : options.checkpoint;
}

std::unique_ptr<captioner::Encoder> encoder_of(const Matcher& matcher, const ModelOptions& options) {
  return matcher.encoder(checkpoint_of(options), options.weights);
}

bool is_file(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

std::vector<std::string> texts_in(const std::string& path) {
  const std::string text = data::read_text_file(path);
  std::vector<std::string> lines;
  for (const data::Line& line : data::split_lines(text)) lines.emplace_back(data::trimmed(line.text));
  if (lines.empty()) fail(path, "holds no text; write one a line");
  return lines;
}

/// Vectors of some images; those that cannot be read are reported and left out of `names`.
Tensor<float> embed_images(const Matcher& matcher, const captioner::Encoder& encoder, std::vector<std::string>& names,
                           index_t& skipped) {
  std::vector<image::Image> pictures(names.size());
  std::vector<std::string> problems(names.size());
  kernels::parallel_for(static_cast<index_t>(names.size()), 1, [&](index_t begin, index_t end) {
    for (index_t i = begin; i < end; ++i) {
      const auto k = static_cast<std::size_t>(i);
      try {
        pictures[k] = image::decode_file(names[k]);
      } catch (const std::exception& error) {
        problems[k] = error.what();
      }
    }
  });
  std::vector<Tensor<float>> vectors;
  std::vector<std::string> good;
  NoGradGuard no_grad;
  const auto embed = [&](const std::vector<std::size_t>& which) {
    std::vector<image::Image> batch;
    for (const std::size_t k : which) batch.push_back(pictures[k]);
    return matcher.image_vectors(matcher.input(encoder(batch)));
  };
  std::vector<std::size_t> which;
  for (std::size_t k = 0; k < names.size(); ++k)
    if (problems[k].empty()) which.push_back(k);
  try {
    if (!which.empty()) vectors.push_back(embed(which));
    for (const std::size_t k : which) good.push_back(names[k]);
  } catch (const std::exception&) {  // one odd picture spoils no other
    for (const std::size_t k : which) try {
        vectors.push_back(embed({k}));
        good.push_back(names[k]);
      } catch (const std::exception& error) {
        problems[k] = names[k] + ": cannot be indexed (" + error.what() + ")";
      }
  }
  for (const std::string& problem : problems) {
    if (problem.empty()) continue;
    std::fprintf(stderr, "retriever: skipped: %s\n", app::one_line(problem).c_str());
    ++skipped;
  }
  names = good;
  return vectors.empty() ? Tensor<float>() : concat<float>(vectors, 0);
}

Tensor<float> embed_text(const Matcher& matcher, const std::string& text) {
  const auto encoded = matcher.encode(text);
  if (encoded.known == 0)
    std::fprintf(stderr, "retriever: warning: no word of %s is known; the answer is a guess\n",
                 app::one_line(io::in_quotes(text)).c_str());
  return matcher.text_vectors({encoded.ids});
}

Tensor<float> embed_image(const Matcher& matcher, const ModelOptions& options, const std::string& path) {
  const image::Image picture = image::decode_file(path);
  NoGradGuard no_grad;
  return matcher.image_vectors(matcher.input((*encoder_of(matcher, options))({picture})));
}

/// The file as a picture for the sheet; "" when it cannot be read any more.
std::string shown(const std::string& path) {
  try {
    return app::sheet_image(image::decode_file(path), 320);
  } catch (const std::exception&) {
    return "";
  }
}

std::string similarity_text(index_t rank, double similarity) {
  char text[64];
  std::snprintf(text, sizeof text, "%lld. similarity %.4f", static_cast<long long>(rank), similarity);
  return text;
}

}  // namespace

int index_folder(const IndexOptions& options) {
  Matcher matcher = Matcher::load(checkpoint_of(options.model));
  const bool texts = is_file(options.source) && !app::has_image_extension(options.source);
  io::AtomicFile file(options.out);  // from here on no other run writes this gallery
  const bool extends = is_file(options.out);
  Gallery gallery =
      extends ? Gallery::load(options.out, matcher.fingerprint())
              : Gallery(matcher.fingerprint(), texts ? "texts" : "images", matcher.architecture().model.shared);
  if (gallery.kind() != (texts ? "texts" : "images"))
    fail(options.out, "is a gallery of ", gallery.kind(), "; name another file for ", texts ? "texts" : "images");
  if (!texts && is_file(options.source)) (void)image::decode_file(options.source);  // alone it is not skipped
  const std::set<std::string> known(gallery.names().begin(), gallery.names().end());
  std::vector<std::string> wanted;
  if (texts)
    wanted = texts_in(options.source);
  else if (is_file(options.source))
    wanted = {options.source};
  else
    wanted = app::images_in<std::filesystem::recursive_directory_iterator>(options.source);
  const auto all = static_cast<index_t>(wanted.size());
  std::erase_if(wanted, [&](const std::string& name) { return known.count(name) > 0; });
  const auto fresh = static_cast<index_t>(wanted.size());

  std::unique_ptr<captioner::Encoder> encoder;
  if (!texts && fresh > 0) {
    encoder = encoder_of(matcher, options.model);
    if (fresh > 50) encoder->prepack();
  }
  app::watch_signals();
  app::Progress progress(gallery.kind(), fresh, options.quiet);
  index_t skipped = 0, done = 0;
  constexpr index_t batch = 8;
  for (; done < fresh && !app::stop_requested(); done = std::min(done + batch, fresh)) {
    std::vector<std::string> names(wanted.begin() + done, wanted.begin() + std::min(done + batch, fresh));
    if (texts) {
      std::vector<std::vector<index_t>> encoded;
      for (const std::string& text : names) encoded.push_back(matcher.encode(text).ids);
      gallery.add(names, matcher.text_vectors(encoded));
    } else if (const Tensor<float> vectors = embed_images(matcher, *encoder, names, skipped); vectors.defined()) {
      gallery.add(names, vectors);
    }
    progress.update(std::min(done + batch, fresh));
  }
  progress.finish();
  if (gallery.size() == 0) fail(options.source, "none of its ", all, " images can be read; name others");
  gallery.save(file);
  if (!options.quiet)
    std::printf("%lld added, %lld known already, %lld skipped: %lld %s in %s\n",
                static_cast<long long>(gallery.size() - static_cast<index_t>(known.size())),
                static_cast<long long>(all - fresh), static_cast<long long>(skipped),
                static_cast<long long>(gallery.size()), gallery.kind().c_str(), options.out.c_str());
  if (app::stop_requested()) {
    std::fprintf(stderr, "retriever: stopped after %lld of %lld; the same command goes on from here\n",
                 static_cast<long long>(done), static_cast<long long>(fresh));
    return app::stopped_status();
  }
  return 0;
}

int search(const SearchOptions& options) {
  Matcher matcher = Matcher::load(checkpoint_of(options.model));
  const Gallery gallery = Gallery::load(options.gallery, matcher.fingerprint());
  std::optional<io::AtomicFile> html;
  if (!options.html.empty()) html.emplace(options.html);
  const bool by_image = is_file(options.query);
  if (!by_image && app::has_image_extension(options.query))
    fail(options.query, "there is no such image; check the path");
  const Tensor<float> query =
      by_image ? embed_image(matcher, options.model, options.query) : embed_text(matcher, options.query);
  const std::vector<Hit> hits =
      options.exact ? gallery.search_exactly(query.data(), options.top) : gallery.search(query.data(), options.top);
  io::Json list = io::Json::array();
  app::Sheet sheet{.title = options.query, .subtitle = "found by limn", .items = {}};
  if (by_image && html)
    sheet.items.push_back({.name = options.query, .image = shown(options.query), .captions = {{"the query"}}});
  index_t rank = 0;
  for (const Hit& hit : hits) {
    const std::string& name = gallery.names()[static_cast<std::size_t>(hit.item)];
    const auto similarity = static_cast<double>(hit.similarity);
    ++rank;
    if (options.json)
      list.push_back({{"name", name}, {"similarity", similarity}});
    else
      std::printf("%lld\t%.4f\t%s\n", static_cast<long long>(rank), similarity, app::one_line(name).c_str());
    if (html)
      sheet.items.push_back({.name = name,
                             .image = gallery.kind() == "images" ? shown(name) : "",
                             .captions = {{similarity_text(rank, similarity)}}});
  }
  if (options.json)
    std::printf("%s\n", io::Json{{"query", options.query}, {"results", list}}
                            .dump(-1, ' ', false, io::Json::error_handler_t::replace)
                            .c_str());
  if (html) {
    html->write(app::html_sheet(sheet));
    html->commit();
  }
  return 0;
}

int match(const MatchOptions& options) {
  const Matcher matcher = Matcher::load(checkpoint_of(options.model));
  const Tensor<float> a = embed_image(matcher, options.model, options.image), b = embed_text(matcher, options.text);
  const double similarity = static_cast<double>(sum(a * b).item()), probability = matcher.calibration(similarity);
  if (options.json)
    std::printf(
        "%s\n",
        io::Json{
            {"image", options.image}, {"text", options.text}, {"similarity", similarity}, {"probability", probability}}
            .dump(-1, ' ', false, io::Json::error_handler_t::replace)
            .c_str());
  else
    std::printf("%.4f\t%.4f\n", similarity, probability);
  return 0;
}

}  // namespace limn::retriever

#pragma once
// A sheet of captioned images as one HTML file that needs no other: images inside, heat maps drawn over them.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <shared/base64.hpp>

namespace limn::app {

/// Where the model looked for one word: rows x columns weights over the whole image, from its top left corner.
struct WordHeat {
  std::string word = {};
  std::vector<float> weights = {};
  int rows = 0, columns = 0;
};

struct SheetCaption {
  std::string text = {};
  std::string score = {};  // in small print behind the text, as score_text() makes it; may be empty
};

struct SheetItem {
  std::string name = {};                     // the file's name, say
  std::string image = {};                    // the bytes of a file that browsers show: JPEG, PNG, GIF, BMP, WebP
  std::vector<SheetCaption> captions = {};   // best first
  std::vector<WordHeat> heat = {};           // a picture a word below the image; may be empty
  std::vector<std::string> references = {};  // what people wrote; may be empty
};

struct Sheet {
  std::string title = {}, subtitle = {};
  std::vector<SheetItem> items = {};
  std::string references_title = "what people wrote";
};

/// "log p -1.50"
[[nodiscard]] inline std::string score_text(const char* what, double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%s %.2f", what, value);
  return text;
}

namespace detail {

inline void append_big_endian(std::string& bytes, std::uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(static_cast<unsigned char>(value >> shift));
}

inline void append_png_chunk(std::string& png, const std::string& kind, const std::string& body) {
  append_big_endian(png, static_cast<std::uint32_t>(body.size()));
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : kind + body) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) ? 0xEDB88320u : 0u);
  }
  png += kind + body;
  append_big_endian(png, ~crc);
}

/// A small RGBA picture as PNG with stored (not compressed) data; rgba has 4 * width * height bytes, at most 65000.
[[nodiscard]] inline std::string encode_small_png(const std::string& rgba, int width, int height) {
  std::string rows;
  for (int row = 0; row < height; ++row) {
    rows += '\0';
    rows.append(rgba, static_cast<std::size_t>(row) * 4u * static_cast<std::size_t>(width),
                4u * static_cast<std::size_t>(width));
  }
  std::uint32_t a = 1, b = 0;  // Adler-32
  for (const char c : rows) a = (a + static_cast<unsigned char>(c)) % 65521u, b = (b + a) % 65521u;
  std::string deflated("\x78\x01\x01", 3);
  const auto length = static_cast<std::uint32_t>(rows.size());
  for (const std::uint32_t word : {length, ~length})
    for (const int shift : {0, 8}) deflated += static_cast<char>(static_cast<unsigned char>(word >> shift));
  deflated += rows;
  append_big_endian(deflated, (b << 16) | a);
  std::string header;
  append_big_endian(header, static_cast<std::uint32_t>(width));
  append_big_endian(header, static_cast<std::uint32_t>(height));
  header += std::string("\x08\x06\0\0\0", 5);
  std::string png("\x89PNG\r\n\x1A\n", 8);
  append_png_chunk(png, "IHDR", header);
  append_png_chunk(png, "IDAT", deflated);
  append_png_chunk(png, "IEND", "");
  return png;
}

/// A veil over the image: dark where the weight is small, clear and then warm where it is near the largest. "" when the
/// sizes do not fit or no weight is positive.
[[nodiscard]] inline std::string heat_uri(const WordHeat& heat) {
  const auto cells =
      static_cast<std::size_t>(std::max(0, heat.rows)) * static_cast<std::size_t>(std::max(0, heat.columns));
  float top = 0;
  for (const float w : heat.weights)
    if (std::isfinite(w)) top = std::max(top, w);
  if (cells == 0 || cells != heat.weights.size() || cells > 10000 || !(top > 0)) return "";
  std::string rgba;
  const auto put = [&rgba](double value) { rgba += static_cast<char>(static_cast<unsigned char>(std::lround(value))); };
  for (const float w : heat.weights) {
    const double t = std::isfinite(w) && w > 0 ? std::sqrt(static_cast<double>(w / top)) : 0;
    const std::array<double, 4> dark = {12, 16, 34, 190}, clear = {90, 60, 40, 40}, warm = {255, 150, 30, 125};
    const std::array<double, 4>&from = t < 0.6 ? dark : clear, &to = t < 0.6 ? clear : warm;
    const double share = t < 0.6 ? t / 0.6 : (t - 0.6) / 0.4;
    for (std::size_t k = 0; k < 4; ++k) put(from[k] + (to[k] - from[k]) * share);
  }
  return data_uri(encode_small_png(rgba, heat.columns, heat.rows), "image/png");
}

inline constexpr const char* sheet_style = R"(
:root{color-scheme:light;--ink:#1f2933;--soft:#616e7c;--line:#e4e7eb;--warm:#c2410c}
*{box-sizing:border-box}
body{margin:0;background:#f5f7fa;color:var(--ink);font:16px/1.5 system-ui,'Segoe UI',Helvetica,Arial,sans-serif}
header{padding:2.5rem 1.5rem 1rem;max-width:84rem;margin:auto}
h1{margin:0;font-size:1.7rem;letter-spacing:-.01em}
header p{margin:.3rem 0 0;color:var(--soft)}
main{max-width:84rem;margin:auto;padding:1rem 1.5rem 3rem;display:grid;gap:1.4rem;
 grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));align-items:start}
article{background:#fff;border:1px solid var(--line);border-radius:.75rem;overflow:hidden;box-shadow:0 1px 3px #1f29330f}
article.wide{grid-column:1/-1;display:grid;grid-template-columns:minmax(0,22rem) minmax(0,1fr)}
@media(max-width:48rem){article.wide{display:block}}
.photo{position:relative;background:#eef1f5}
.photo img{display:block;width:100%;height:auto}
.photo .none{padding:4rem 1rem;text-align:center;color:var(--soft)}
.body{padding:.9rem 1.1rem 1.1rem;min-width:0}
.best{margin:0;font-size:1.1rem;font-weight:600;overflow-wrap:anywhere}
.score{font-size:.8rem;font-weight:400;color:var(--soft);white-space:nowrap;font-variant-numeric:tabular-nums}
ol{margin:.5rem 0 0;padding-left:1.3rem;color:#3e4c59;font-size:.94rem}
.name{margin:.7rem 0 0;font-size:.8rem;color:var(--soft);overflow-wrap:anywhere}
details{margin-top:.6rem;font-size:.9rem;color:#3e4c59}summary{cursor:pointer;color:var(--soft)}
ul{margin:.3rem 0 0;padding-left:1.3rem}
.words{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.5rem,1fr));gap:.6rem;margin-top:.9rem}
figure{margin:0;text-align:center}
.heat{position:relative;border-radius:.4rem;overflow:hidden;background:#eef1f5;min-height:2rem}
.heat img{display:block;width:100%;height:auto}
.heat img.veil{position:absolute;inset:0;height:100%}
figcaption{font-size:.86rem;margin-top:.15rem}
)";

/// Heat maps share the one image of their card, so that it is in the file once.
inline constexpr const char* sheet_script = R"(
for(const card of document.querySelectorAll('article.wide')){
 const photo=card.querySelector('.photo img');if(!photo)continue;
 for(const heat of card.querySelectorAll('.heat')){
  const copy=new Image();copy.src=photo.src;copy.alt='';heat.prepend(copy);}}
)";

[[nodiscard]] inline std::string caption_html(const SheetCaption& caption) {
  const std::string text = escape_markup(caption.text);
  return caption.score.empty() ? text : text + " <span class=\"score\">" + escape_markup(caption.score) + "</span>";
}

[[nodiscard]] inline std::string item_html(const SheetItem& item, const std::string& references_title) {
  const std::string type = image_media_type(item.image), name = escape_markup(item.name);
  std::string html = item.heat.empty() ? "<article>" : "<article class=\"wide\">";
  const std::string best = item.captions.empty() ? "" : escape_markup(item.captions[0].text);
  html += "<div class=\"photo\">";
  if (type.empty())
    html += "<div class=\"none\">this image cannot be shown here</div>";
  else
    html += "<img src=\"" + data_uri(item.image, type) + "\" alt=\"" + (best.empty() ? name : best) + "\">";
  html += "</div>\n<div class=\"body\">";
  if (!item.captions.empty()) html += "<p class=\"best\">" + caption_html(item.captions[0]) + "</p>";
  if (item.captions.size() > 1) {
    html += "<ol start=\"2\">";
    for (std::size_t i = 1; i < item.captions.size(); ++i) html += "<li>" + caption_html(item.captions[i]) + "</li>";
    html += "</ol>";
  }
  html += "<p class=\"name\">" + name + "</p>";
  if (!item.references.empty()) {
    html += "<details open><summary>" + escape_markup(references_title) + "</summary><ul>";
    for (const std::string& reference : item.references) html += "<li>" + escape_markup(reference) + "</li>";
    html += "</ul></details>";
  }
  if (!item.heat.empty()) html += "<div class=\"words\">";
  for (const WordHeat& heat : item.heat) {
    const std::string uri = heat_uri(heat);
    html += "<figure><div class=\"heat\">";
    if (!uri.empty()) html += "<img class=\"veil\" alt=\"\" src=\"" + uri + "\">";
    html += "</div><figcaption>" + escape_markup(heat.word) + "</figcaption></figure>";
  }
  if (!item.heat.empty()) html += "</div>";
  return html + "</div></article>\n";
}

}  // namespace detail

/// The text of the HTML file. All text is escaped; nothing outside the file is referred to.
[[nodiscard]] inline std::string html_sheet(const Sheet& sheet) {
  std::string html = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">";
  html += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>" +
          escape_markup(sheet.title) + "</title>";
  html += std::string("<style>") + detail::sheet_style + "</style></head>\n<body><header><h1>" +
          escape_markup(sheet.title) + "</h1>";
  if (!sheet.subtitle.empty()) html += "<p>" + escape_markup(sheet.subtitle) + "</p>";
  html += "</header>\n<main>\n";
  for (const SheetItem& item : sheet.items) html += detail::item_html(item, sheet.references_title);
  return html + "</main>\n<script>" + detail::sheet_script + "</script>\n</body></html>\n";
}

}  // namespace limn::app

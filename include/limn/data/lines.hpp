#pragma once
// Text files as lines: byte order mark and CRLF removed, UTF-8 checked, every error with file and line.

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <limn/text/utf8.hpp>

namespace limn::inline LIMN_ABI::data {

/// Throws Error("<path>: line <n>: ...").
template <class... Parts>
[[noreturn]] void fail_line(const std::filesystem::path& path, std::size_t line, const Parts&... parts) {
  fail(path.string(), "line ", line, ": ", parts...);
}

/// The whole file as text without a byte order mark, "\r\n" and a lone "\r" as "\n". Throws an Error naming the file,
/// and the line when it is not UTF-8.
[[nodiscard]] inline std::string read_text_file(const std::filesystem::path& path) {
  constexpr std::uintmax_t limit = std::uintmax_t{1} << 30;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) fail(path.string(), "this is a folder; a text file is wanted");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    fail(path.string(), "cannot open the file: ", std::generic_category().message(errno ? errno : EIO),
         "; check the path and its permissions");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > limit) fail(path.string(), "longer than 1 GiB; this is not the file that was meant");
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) fail(path.string(), "cannot read the file; check the disk");

  std::string text;
  text.reserve(bytes.size());
  for (std::size_t i = bytes.rfind("\xEF\xBB\xBF", 0) == 0 ? 3 : 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\r') {
      text += '\n';
      if (i + 1 < bytes.size() && bytes[i + 1] == '\n') ++i;
    } else {
      text += bytes[i];
    }
  }
  const std::size_t invalid = text::find_invalid_utf8(text);
  if (invalid != std::string::npos) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(invalid);
    fail_line(path, 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n')),
              "not valid UTF-8; save the file as UTF-8");
  }
  return text;
}

/// At most 80 bytes of a text from a file, control characters as '?': fit for a one-line message.
[[nodiscard]] inline std::string shortened(std::string_view text) {
  std::string result(text.substr(0, 80));
  for (char& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text.size() > 80 ? result + "..." : result;
}

/// A line and its number, counted from 1. The text lives as long as the string that was split.
struct Line {
  std::string_view text;
  std::size_t number;
};

[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// The lines of `text` that are not blank.
[[nodiscard]] inline std::vector<Line> split_lines(std::string_view text) {
  std::vector<Line> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!trimmed(line).empty()) lines.push_back({line, number});
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

/// One record of a CSV file and the line where it begins.
struct CsvRecord {
  std::vector<std::string> fields;
  std::size_t line;
};

/// Records after RFC 4180: fields may be quoted, "" in quotes is a quote, quoted fields may hold line ends; blank lines
/// are left out. A quote inside an unquoted field stands for itself. Throws at a quote that is never closed and at text
/// after a closing quote.
[[nodiscard]] inline std::vector<CsvRecord> parse_csv(std::string_view text, const std::filesystem::path& path) {
  std::vector<CsvRecord> records;
  std::size_t i = 0, line = 1;
  while (i < text.size()) {
    if (text[i] == '\n') {
      ++i, ++line;
      continue;
    }
    CsvRecord record{{}, line};
    for (;;) {
      std::string field;
      if (i < text.size() && text[i] == '"') {
        const std::size_t opened = line;
        for (++i;; ++i) {
          if (i >= text.size())
            fail_line(path, opened, "the quote that opens here is never closed; close or remove it");
          if (text[i] == '"') {
            if (i + 1 >= text.size() || text[i + 1] != '"') break;
            ++i;
          }
          line += text[i] == '\n' ? 1 : 0;
          field += text[i];
        }
        ++i;
        if (i < text.size() && text[i] != ',' && text[i] != '\n')
          fail_line(path, line, "text follows a closing quote; write a quote inside quotes twice");
      } else {
        const std::size_t end = text.find_first_of(",\n", i);
        field = text.substr(i, end == std::string_view::npos ? end : end - i);
        i = end == std::string_view::npos ? text.size() : end;
      }
      record.fields.push_back(std::move(field));
      if (i >= text.size() || text[i] == '\n') break;
      ++i;  // the comma
    }
    if (record.fields.size() > 1 || !trimmed(record.fields[0]).empty()) records.push_back(std::move(record));
  }
  return records;
}

}  // namespace limn::inline LIMN_ABI::data

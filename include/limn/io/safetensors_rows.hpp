#pragma once
// SafetensorsRows: writes a large safetensors file a few rows at a time, and goes on where a killed process stopped.

#include <limn/io/safetensors_header.hpp>

namespace limn::inline LIMN_ABI::io {

/// All tensors have the same first extent: the rows. They are written into "<path>.partial"; after the data a mark says
/// how many rows are safely on the disk. commit() turns the partial file into `path`. A partial file of the same names,
/// shapes, types and metadata is continued; any other is started over. (Put what the rows depend on into the metadata.)
class SafetensorsRows {
 public:
  struct Column {
    DType dtype = DType::f32;
    std::vector<index_t> shape;  ///< shape[0] = number of rows
  };

  SafetensorsRows(const std::filesystem::path& path, const std::map<std::string, Column>& columns,
                  const Metadata& metadata = {})
      : path_(path) {
    const std::string where = path.string();
    header_.metadata = metadata;
    if (columns.empty()) fail(where, "needs at least one tensor");
    for (const auto& [name, column] : columns) {
      if (column.shape.empty()) fail(where, "the tensor ", in_quotes(name), " has no rows: its rank is 0");
      if (column.shape[0] != columns.begin()->second.shape[0])
        fail(where, "the tensors ", in_quotes(columns.begin()->first), " and ", in_quotes(name),
             " differ in their rows");
      header_.tensors[name] = {column.dtype, column.shape, 0, 0};
    }
    rows_ = columns.begin()->second.shape[0];
    const std::string head = format_safetensors_header(header_, where);
    total_ = header_.data_start;
    for (const auto& entry : header_.tensors) total_ = std::max(total_, header_.data_start + entry.second.end);

    partial_ = path.string() + ".partial";
    file_ = detail::open_exclusive(partial_);
    done_ = find_done(head);
    if (done_ > 0) return;
    file_.truncate(0);
    file_.write_at(0, std::as_bytes(std::span(head.data(), head.size())));
    file_.truncate(total_ + mark_bytes);
  }

  [[nodiscard]] index_t rows() const { return rows_; }
  /// Rows 0 .. rows_done() - 1 are in the file already.
  [[nodiscard]] index_t rows_done() const { return done_; }

  /// Rows first .. first + count - 1 of a tensor, in its own type.
  void write_rows(const std::string& name, index_t first, index_t count, std::span<const std::byte> bytes) {
    const auto found = header_.tensors.find(name);
    if (found == header_.tensors.end()) fail(path_.string(), "has no tensor ", in_quotes(name));
    const TensorInfo& info = found->second;
    const index_t row = rows_ ? info.bytes() / rows_ : 0;
    if (first < 0 || count < 0 || first + count > rows_ || static_cast<index_t>(bytes.size()) != count * row)
      fail(path_.string(), bytes.size(), " bytes are not the rows ", first, " to ", first + count, " of ",
           in_quotes(name));
    file_.write_at(header_.data_start + info.begin + first * row, bytes);
  }
  /// Says that rows 0 .. rows - 1 of every tensor are written. Waits for the disk: call it every few seconds, not every
  /// row.
  void mark_done(index_t rows) {
    if (rows < done_ || rows > rows_) fail(path_.string(), rows, " rows done of ", rows_, " after ", done_);
    file_.sync();
    const std::uint64_t mark[2] = {static_cast<std::uint64_t>(rows), ~static_cast<std::uint64_t>(rows)};
    file_.write_at(total_, std::as_bytes(std::span(mark)));
    done_ = rows;
  }
  /// Throws unless every row is marked done.
  void commit() {
    if (done_ != rows_) fail(path_.string(), "only ", done_, " of ", rows_, " rows are written");
    file_.truncate(total_);
    file_.sync();
    if (std::rename(partial_.c_str(), path_.c_str()) != 0) fail_file(path_, "replace the file", errno);
    file_.close();
    detail::sync_folder(path_);
  }

 private:
  static constexpr index_t mark_bytes = 16;

  [[nodiscard]] index_t find_done(const std::string& head) const {
    const index_t size = file_.size();
    if (size != total_ && size != total_ + mark_bytes) return 0;
    std::string there(head.size(), '\0');
    file_.read_at(0, std::as_writable_bytes(std::span(there.data(), there.size())));
    if (there != head) return 0;
    if (size == total_) return rows_;  // stopped inside commit(), when everything was on the disk
    std::uint64_t mark[2] = {};
    file_.read_at(total_, std::as_writable_bytes(std::span(mark)));
    return mark[0] == ~mark[1] && mark[0] <= static_cast<std::uint64_t>(rows_) ? static_cast<index_t>(mark[0]) : 0;
  }

  std::filesystem::path path_, partial_;
  SafetensorsHeader header_;
  File file_;
  index_t rows_ = 0, done_ = 0, total_ = 0;
};

}  // namespace limn::inline LIMN_ABI::io

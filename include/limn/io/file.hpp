#pragma once
// Files: checked reading at any offset, and writing that leaves either the whole new file or the old one.

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::io {

/// `text` between single quotes, at most 80 bytes of it, control characters as '?': outside text fit for a one-line
/// message.
[[nodiscard]] inline std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text.substr(0, 80)) result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return result + (text.size() > 80 ? "...'" : "'");
}

/// Throws Error("<path>: cannot <action>: <cause>; <remedy>") for an errno value.
[[noreturn]] inline void fail_file(const std::filesystem::path& path, const char* action, int error) {
  const char* remedy = "check the disk";
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      remedy = "free some space or choose another folder";
      break;
    case EFBIG:
      remedy = "raise the limit on file sizes (ulimit -f) or choose another folder";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      remedy = "change the permissions or choose another folder";
      break;
    case ENOENT:
      remedy = "check the path";
      break;
    case ENOTDIR:
      remedy = "a part of this path is a file, not a folder; choose another path";
      break;
    case EISDIR:
      remedy = "this is a folder; name a file";
      break;
    case EWOULDBLOCK:
      remedy = "another process is writing this file; wait for it to end";
      break;
    case EMFILE:
    case ENFILE:
      remedy = "too many files are open; close some";
      break;
    default:
      break;
  }
  fail(path.string(), "cannot ", action, ": ", std::generic_category().message(error), "; ", remedy);
}

/// An open file. Reads and writes are complete or throw an Error naming the file.
class File {
 public:
  File() = default;
  File(std::filesystem::path path, int flags) : path_(std::move(path)) {
    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    fd_ = ::open(path_.c_str(), flags | O_CLOEXEC, 0666);
    if (fd_ < 0) fail_file(path_, writes ? "create the file" : "open the file", errno);
  }
  File(File&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] int descriptor() const { return fd_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Bytes in the file (0 for pipes and devices). Throws when it is a folder.
  [[nodiscard]] index_t size() const {
    const struct stat status = stat_file();
    if (S_ISDIR(status.st_mode)) fail_file(path_, "read the file", EISDIR);
    return static_cast<index_t>(status.st_size);
  }
  [[nodiscard]] bool is_regular() const { return S_ISREG(stat_file().st_mode); }
  [[nodiscard]] std::uint64_t inode() const { return static_cast<std::uint64_t>(stat_file().st_ino); }

  /// Fills `bytes` from `offset`; a file that ends before is an Error.
  void read_at(index_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t got = ::pread(fd_, bytes.data(), bytes.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_file(path_, "read the file", errno);
      if (got == 0) fail(path_.string(), "the file ends too early; it was cut short, fetch or create it again");
      bytes = bytes.subspan(static_cast<std::size_t>(got));
      offset += got;
    }
  }
  /// Up to bytes.size() bytes from the current position; 0 at the end.
  [[nodiscard]] std::size_t read_some(std::span<std::byte> bytes) const {
    for (;;) {
      const ssize_t got = ::read(fd_, bytes.data(), bytes.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) fail_file(path_, "read the file", errno);
    }
  }
  void write_at(index_t offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::pwrite(fd_, bytes.data(), bytes.size(), offset);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) fail_file(path_, "write the file", put < 0 ? errno : ENOSPC);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
      offset += put;
    }
  }
  void append(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) fail_file(path_, "write the file", put < 0 ? errno : ENOSPC);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
  }
  void truncate(index_t size) const {
    if (::ftruncate(fd_, size) != 0) fail_file(path_, "resize the file", errno);
  }
  void sync() const {
    if (::fsync(fd_) != 0 && errno != EINVAL && errno != ENOTSUP) fail_file(path_, "write the file", errno);
  }
  void close() {
    const int fd = std::exchange(fd_, -1);
    if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) fail_file(path_, "write the file", errno);
  }

 private:
  [[nodiscard]] struct stat stat_file() const {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) fail_file(path_, "examine the file", errno);
    return status;
  }

  std::filesystem::path path_;
  int fd_ = -1;
};

/// The whole file. Throws when it is longer than `limit` bytes; memory grows with what is really there.
[[nodiscard]] inline std::string read_file(const std::filesystem::path& path, index_t limit = index_t{1} << 32) {
  const File file(path, O_RDONLY);
  const index_t size = file.size();
  const auto check = [&](index_t bytes) {
    if (bytes > limit) fail(path.string(), "longer than ", limit, " bytes; this is not the file that was meant");
  };
  check(size);
  std::string text;
  std::size_t used = 0;
  text.resize(static_cast<std::size_t>(size) + 1);  // one more, to see the end without growing
  for (;;) {
    const std::size_t got = file.read_some(std::as_writable_bytes(std::span(text.data() + used, text.size() - used)));
    if (got == 0) break;
    used += got;
    check(static_cast<index_t>(used));
    if (used == text.size()) text.resize(2 * used + 4096);
  }
  text.resize(used);
  return text;
}

namespace detail {

[[nodiscard]] inline std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// Makes a rename survive a power loss.
inline void sync_folder(const std::filesystem::path& path) {
  const int fd = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // a folder that may be written but not read: the rename stands, only its durability is unknown
  ::fsync(fd);
  ::close(fd);
}

/// Opens path for writing, alone: a second writer fails at once instead of mixing its bytes with ours.
[[nodiscard]] inline File open_exclusive(const std::filesystem::path& path) {
  for (;;) {
    File file(path, O_RDWR | O_CREAT);
    // A file system without locks is no reason not to write.
    if (::flock(file.descriptor(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      fail_file(path, "write the file", errno);
    struct stat now {};  // the file may have been renamed between open and lock
    if (::stat(path.c_str(), &now) == 0 && static_cast<std::uint64_t>(now.st_ino) == file.inode()) return file;
  }
}

}  // namespace detail

/// Writes beside `path` (in "<path>.tmp") and moves the result over it in commit(). Without commit() nothing changes
/// and the temporary file goes away. A path that exists and is not a regular file (a pipe, /dev/stdout) is written
/// directly.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path) : path_(path) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path_, ignored)) fail_file(path_, "create the file", EISDIR);
    if (std::filesystem::is_symlink(path_, ignored)) path_ = std::filesystem::weakly_canonical(path_);
    direct_ = std::filesystem::exists(path_, ignored) && !std::filesystem::is_regular_file(path_, ignored);
    if (direct_) {
      file_ = File(path_, O_WRONLY);
      return;
    }
    temporary_ = path_.string() + ".tmp";
    file_ = detail::open_exclusive(temporary_);
    file_.truncate(0);
  }
  ~AtomicFile() {
    if (file_.is_open() && !direct_) ::unlink(temporary_.c_str());
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes) { file_.append(bytes); }
  void write(std::string_view text) { file_.append(std::as_bytes(std::span(text.data(), text.size()))); }

  /// From here on `path` is the new file, also after a power loss.
  void commit() {
    if (!direct_) file_.sync();
    if (direct_) return file_.close();
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail_file(path_, "replace the file", errno);
    file_.close();
    detail::sync_folder(path_);
  }

 private:
  std::filesystem::path path_, temporary_;
  File file_;
  bool direct_ = false;
};

/// Replaces the file at `path` by `text`, or throws and leaves it as it was.
inline void write_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

/// Creates the folder and those above it.
inline void create_folders(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path))
    fail_file(path, "create the folder", error ? error.value() : ENOTDIR);
}

}  // namespace limn::inline LIMN_ABI::io

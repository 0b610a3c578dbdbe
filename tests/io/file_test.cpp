// Files: whole writes or none, and errors that name file, cause and remedy in one line.

#include <csignal>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <limn/io/json.hpp>
#include <support/temporary_folder.hpp>

namespace limn {
namespace {

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Files of this process may not grow beyond `bytes` while it lives: the same failure a full disk gives, for any user.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_CASE("write_file: a file that was written reads back, and nothing else is left in the folder") {
  const test::TemporaryFolder folder;
  io::write_file(folder / "a.txt", "first");
  io::write_file(folder / "a.txt", "second\n");
  CHECK(io::read_file(folder / "a.txt") == "second\n");
  CHECK(folder.count() == 1);
}

TEST_CASE("write_file: a write that fails half way keeps the old file and leaves nothing half-written") {
  const test::TemporaryFolder folder;
  io::write_file(folder / "a.txt", "old");
  std::string message;
  {
    const FileSizeLimit limit(1000);
    message = message_of([&] { io::write_file(folder / "a.txt", std::string(5000, 'x')); });
  }
  CHECK(contains(message, "a.txt"));
  CHECK(contains(message, "cannot write the file: File too large; "));
  CHECK(io::read_file(folder / "a.txt") == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("write_file: a full disk is named with its remedy") {
  const std::string message = message_of([] { io::write_file("/dev/full", "text"); });
  CHECK(message ==
        "/dev/full: cannot write the file: No space left on device; free some space or choose another folder");
}

TEST_CASE("write_file: a folder that cannot be written to is named with its remedy") {
  const test::TemporaryFolder folder;
  io::write_file(folder / "file", "");
  CHECK(contains(message_of([&] { io::write_file(folder / "file/below", "x"); }), "is a file, not a folder"));
  CHECK(contains(message_of([&] { io::write_file(folder / "none/below", "x"); }),
                 "No such file or directory; check the path"));
  CHECK(contains(message_of([&] { io::write_file(folder.path(), "x"); }), "this is a folder; name a file"));
  CHECK(contains(message_of([] { io::write_file("/proc/limn", "x"); }), "/proc/limn.tmp: cannot create the file"));
  CHECK(contains(message_of([&] { io::create_folders(folder / "file/below"); }), "cannot create the folder"));
}

TEST_CASE("AtomicFile: without commit the old file stays and the temporary one goes") {
  const test::TemporaryFolder folder;
  io::write_file(folder / "a", "old");
  {
    io::AtomicFile file(folder / "a");
    file.write("new");
    CHECK(folder.count() == 2);
  }
  CHECK(folder.count() == 1);
  CHECK(io::read_file(folder / "a") == "old");
}

TEST_CASE("AtomicFile: a second writer of the same file is refused at once") {
  const test::TemporaryFolder folder;
  const io::AtomicFile first(folder / "a");
  CHECK(contains(message_of([&] { io::AtomicFile second(folder / "a"); }), "another process is writing this file"));
}

TEST_CASE("AtomicFile: a temporary file left by a killed process is no obstacle") {
  const test::TemporaryFolder folder;
  test::put_file(folder / "a.tmp", "left over, longer than the new text");
  io::write_file(folder / "a", "new");
  CHECK(io::read_file(folder / "a") == "new");
  CHECK(folder.count() == 1);
}

TEST_CASE("AtomicFile: a symbolic link keeps pointing at the file that is replaced") {
  const test::TemporaryFolder folder;
  io::write_file(folder / "real", "old");
  std::filesystem::create_symlink("real", folder / "link");
  io::write_file(folder / "link", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(io::read_file(folder / "real") == "new");
}

TEST_CASE("read_file: missing files, folders and files above the limit are errors naming them") {
  const test::TemporaryFolder folder;
  CHECK(
      contains(message_of([&] { (void)io::read_file(folder / "none"); }), "none: cannot open the file: No such file"));
  CHECK(contains(message_of([&] { (void)io::read_file(folder.path()); }), "this is a folder"));
  io::write_file(folder / "a", "12345");
  CHECK(io::read_file(folder / "a", 5) == "12345");
  CHECK(contains(message_of([&] { (void)io::read_file(folder / "a", 4); }), "longer than 4 bytes"));
  CHECK(io::read_file("/proc/self/status").size() > 0);  // a file that says its size is 0
}

TEST_CASE("parse_json: damaged text is one line naming the file and the place") {
  CHECK(io::parse_json("{\"a\": [1, 2]}", "f")["a"][1] == 2);
  for (const char* text : {"", "{", "{\"a\":}", "\"\xff\xfe\"", "{\"a\":1} x", "nul", "1e999"}) {
    const std::string message = message_of([&] { (void)io::parse_json(text, "file.json"); });
    CHECK_MESSAGE(contains(message, "file.json: not valid JSON"), text << " -> " << message);
    CHECK(!contains(message, "\n"));
  }
}

TEST_CASE("parse_json: nesting that is too deep is refused, not followed") {
  CHECK(contains(message_of([] { (void)io::parse_json(std::string(1000000, '['), "f"); }),
                 "nested deeper than 64 levels"));
}

TEST_CASE("json_value: a missing or mistyped field names the file and the field") {
  const io::Json json = io::parse_json("{\"layers\": 3, \"name\": \"x\", \"nothing\": null}", "f");
  CHECK(io::json_value<int>(json, "layers", "f") == 3);
  CHECK(io::json_value_or<int>(json, "heads", 8, "f") == 8);
  CHECK(io::json_value_or<int>(json, "nothing", 8, "f") == 8);
  CHECK(message_of([&] { (void)io::json_value<int>(json, "heads", "f"); }) == "f: the field 'heads' is missing");
  CHECK(contains(message_of([&] { (void)io::json_value<int>(json, "name", "f"); }),
                 "the field 'name' has the wrong type"));
  CHECK(contains(message_of([] { (void)io::json_value<int>(io::Json(3), "name", "f"); }), "but this is number"));
}

TEST_CASE("in_quotes: outside text stays on one line and short") {
  CHECK(io::in_quotes("a\nb\x7f") == "'a?b?'");
  CHECK(io::in_quotes(std::string(200, 'x')).size() < 90);
}

}  // namespace
}  // namespace limn

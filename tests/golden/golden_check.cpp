// golden_check DIR...: runs limn on fixture folders and compares every expected value. Exit status 1 when one is off.

#include <cstring>

#include "kinds.hpp"

namespace {

bool check_folder(const std::filesystem::path& folder) {
  using namespace limn::golden;
  try {
    Report report(folder);
    const std::string kind = report.kind();
    for (const Kind& known : kinds) {
      if (kind != known.name) continue;
      report.guard(kind, [&] { known.check(folder, report); });
      return report.finish();
    }
    std::printf("FAIL %s: the kind %s is unknown\n", folder.string().c_str(), limn::io::in_quotes(kind).c_str());
  } catch (const std::exception& error) {
    std::printf("FAIL %s: %s\n", folder.string().c_str(), error.what());
  }
  return false;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || std::strcmp(arguments[1], "--help") == 0) {
    std::printf("usage: golden_check DIR...\nkinds:");
    for (const auto& kind : limn::golden::kinds) std::printf(" %s", kind.name);
    std::printf("\n");
    return count < 2 ? 2 : 0;
  }
  int failed = 0;
  for (int i = 1; i < count; ++i) failed += check_folder(arguments[i]) ? 0 : 1;
  if (count > 2) std::printf("%s: %d of %d fixtures passed\n", failed ? "FAIL" : "ok", count - 1 - failed, count - 1);
  return failed ? 1 : 0;
}

#pragma once
// The one exception type of limn, and the one way to throw it.

#include <sstream>
#include <stdexcept>
#include <string>

#include <limn_kernels/config.hpp>

namespace limn::inline LIMN_ABI {

/// Thrown for every misuse and every bad input. what() is one line: "<where>: <what came, what was wanted>".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error("<where>: <parts...>"). `where` is the op ("conv2d") or the file that is wrong.
template <class... Parts>
[[noreturn]] void fail(const std::string& where, const Parts&... parts) {
  std::ostringstream text;
  text << where << ": ";
  (text << ... << parts);
  throw Error(text.str());
}

}  // namespace limn::inline LIMN_ABI

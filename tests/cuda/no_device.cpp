// What a user reads who asks for a GPU where there is none.

#include <doctest/doctest.h>

#include <limn_kernels/memory.hpp>

TEST_CASE("allocate on a GPU says in one line why it cannot, and what to do") {
  if (limn::kernels::cuda_device_count() > 0) {
    MESSAGE("skipped: there is a GPU");
    return;
  }
  try {
    void* data = limn::kernels::allocate(16, limn::cuda_device(0));
    limn::kernels::release(data, 16, limn::cuda_device(0));
    FAIL("a GPU was found after none was counted");
  } catch (const limn::Error& error) {
    const std::string text = error.what();
    INFO(text);
    CHECK(text.find("use cpu_device") != std::string::npos);
    CHECK((text.find("driver") != std::string::npos || text.find("GPU") != std::string::npos));
    CHECK(text.find('\n') == std::string::npos);
  }
}

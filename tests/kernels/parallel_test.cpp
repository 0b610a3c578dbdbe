#include <doctest/doctest.h>

#include <vector>

#include <limn_kernels/error.hpp>
#include <limn_kernels/parallel.hpp>

using namespace limn;

TEST_CASE("parallel_for visits every index once, in the same chunks for 1, 2 and 7 threads") {
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    std::vector<int> visits(1000), chunk_of(1000);
    kernels::parallel_for(1000, 64, [&](index_t begin, index_t end) {
      CHECK(begin % 64 == 0);
      for (index_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    for (const int count : visits) REQUIRE(count == 1);
  }
}

TEST_CASE("an exception in a parallel body reaches the caller") {
  kernels::set_thread_count(2);
  CHECK_THROWS_AS(kernels::parallel_for(100, 1,
                                        [](index_t begin, index_t) {
                                          if (begin == 57) fail("body", "57");
                                        }),
                  Error);
}

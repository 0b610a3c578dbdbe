#include <limits>

#include <doctest/doctest.h>
#include <limn/core/create.hpp>
#include <limn/ops/compare.hpp>
#include <limn/ops/view.hpp>

using namespace limn;

TEST_CASE("comparisons give bool tensors, false for NaN except !=") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto a = from<float>({1, 2, 3, nan}, {4});
  const auto b = from<float>({1, 3, 2, nan}, {4});
  using Flags = std::vector<bool>;
  CHECK(to_vector(a == b) == Flags{true, false, false, false});
  CHECK(to_vector(a != b) == Flags{false, true, true, true});
  CHECK(to_vector(a < b) == Flags{false, true, false, false});
  CHECK(to_vector(a <= b) == Flags{true, true, false, false});
  CHECK(to_vector(a > 1) == Flags{false, true, true, false});
  CHECK(to_vector(a >= 2.5) == Flags{false, false, true, false});
  CHECK(to_vector(logical_and(a > 1, a < 3)) == Flags{false, true, false, false});
  CHECK(to_vector(logical_or(a<2, a> 2)) == Flags{true, false, true, false});
  CHECK(to_vector(logical_not(a == a)) == Flags{false, false, false, true});
  CHECK((reshape(a, {4, 1}) == b).shape() == Shape{4, 4});
}

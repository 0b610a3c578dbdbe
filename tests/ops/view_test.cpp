#include "support/op_case.hpp"

#include <limn/ops/view.hpp>

using namespace limn;
using test::check_op;

TEST_CASE("reshape keeps row-major order, works out -1 and refuses what does not fit") {
  check_op("reshape", "to fewer dimensions", {{2, 3, 4}}, [](const auto& in) { return reshape(in[0], {6, -1}); });
  check_op("reshape", "of a rank 0", {{}}, [](const auto& in) { return reshape(in[0], {1, 1}); });
  check_op("contiguous", "of a transposed view", {{3, 2}}, [](const auto& in) { return contiguous(transpose(in[0])); });
  check_op("clone", "of a matrix", {{3, 2}}, [](const auto& in) { return clone(in[0]); });
  CHECK(reshape(zeros({0, 4}), {4, -1}).shape() == Shape{4, 0});
  CHECK_THROWS_WITH_AS((void)reshape(zeros({2, 3}), {4}),
                       "reshape: x of shape [2, 3] has 6 elements, which do not fill [4]", Error);
  CHECK(flatten(zeros({2, 3, 4, 5}), 1, 2).shape() == Shape{2, 12, 5});
}

TEST_CASE("permute and transpose move axes, not elements") {
  check_op("permute", "three axes", {{2, 3, 4}}, [](const auto& in) { return permute(in[0], {2, 0, -2}); });
  const auto x = from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(to_vector(transpose(x)) == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(transpose(x).data() == x.data());
  CHECK_THROWS_WITH_AS((void)permute(x, {0, 0}), "permute: order [0, 0] names axis 0 twice", Error);
}

TEST_CASE("slice follows Python: negative positions, clipping, steps forwards and backwards") {
  const auto x = arange<float>(10);
  CHECK(to_vector(slice(x, 0, 2, 5)) == std::vector<float>{2, 3, 4});
  CHECK(to_vector(slice(x, 0, -3, 100)) == std::vector<float>{7, 8, 9});
  CHECK(to_vector(slice(x, 0, 1, 8, 3)) == std::vector<float>{1, 4, 7});
  CHECK(to_vector(slice(x, 0, Slice{.start = 8, .stop = 2, .step = -3})) == std::vector<float>{8, 5});
  CHECK(to_vector(slice(x, 0, Slice{.start = -2, .step = -4})) == std::vector<float>{8, 4, 0});
  CHECK(slice(x, 0, 5, 2).numel() == 0);
  CHECK(to_vector(flip(x, 0))[0] == 9);
  CHECK_THROWS_AS((void)slice(x, 0, 0, 5, 0), Error);
  check_op("slice", "a step of 2 inside", {{2, 7, 3}}, [](const auto& in) { return slice(in[0], 1, 1, 6, 2); });
  check_op("place_slice", "backwards, twice", {{2, 7}},
           [](const auto& in) { return flip(slice(in[0], 1, Slice{.start = 5, .step = -2}), 0); });
  check_op("slice", "nothing at all", {{2, 3}}, [](const auto& in) { return slice(in[0], 1, 2, 2); });
}

TEST_CASE("narrow and select refuse positions outside") {
  check_op("slice", "select a column", {{4, 3}}, [](const auto& in) { return select(in[0], 1, -1); });
  CHECK_THROWS_WITH_AS((void)narrow(zeros({4, 3}), 1, 2, 2),
                       "narrow: [2, 4) is out of range for axis 1 of shape [4, 3]", Error);
  CHECK_THROWS_AS((void)select(zeros({4, 3}), 0, 4), Error);
}

TEST_CASE("expand, squeeze and unsqueeze") {
  check_op("broadcast_to", "to more dimensions", {{3, 1}}, [](const auto& in) { return expand(in[0], {2, -1, 4}); });
  check_op("sum_to", "two ways at once", {{2, 3, 4}}, [](const auto& in) { return sum_to(in[0], {3, 1}); });
  check_op("unsqueeze", "at the end", {{2, 3}}, [](const auto& in) { return unsqueeze(in[0], -1); });
  check_op("squeeze", "the middle", {{2, 1, 3}}, [](const auto& in) { return squeeze(in[0], 1); });
  CHECK_THROWS_AS((void)squeeze(zeros({2, 3}), 0), Error);
  CHECK_THROWS_AS((void)expand(zeros({2, 3}), {2, 4}), Error);
}

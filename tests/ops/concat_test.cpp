#include "support/op_case.hpp"

#include <limn/ops/concat.hpp>

using namespace limn;
using test::check_op;

TEST_CASE("concat and stack put tensors side by side along any axis") {
  check_op("concat", "three along the middle", {{2, 1, 3}, {2, 4, 3}, {2, 0, 3}},
           [](const auto& in) { return concat(in, 1); });
  check_op("concat", "stacked behind", {{2, 3}, {2, 3}}, [](const auto& in) { return stack(in, -1); });
  CHECK(to_vector(concat<float>({from<float>({1, 2}, {2, 1}), from<float>({3, 4}, {2, 1})}, 1)) ==
        std::vector<float>{1, 3, 2, 4});
  CHECK_THROWS_WITH_AS((void)concat<float>({zeros({2, 3}), zeros({3, 3})}, 1),
                       "concat: part 1 has shape [3, 3] beside [2, 3] along axis 1", Error);
}

TEST_CASE("split and chunk take apart what concat put together") {
  const auto x = arange<float>(7);
  CHECK(split(x, {2, 5})[1].numel() == 5);
  CHECK(chunk(x, 3)[2].numel() == 1);
  CHECK_THROWS_AS((void)split(x, {2, 4}), Error);
}

TEST_CASE("pad fills a border in every mode and crops with negative amounts") {
  const auto x = from<float>({1, 2, 3}, {3});
  CHECK(to_vector(pad(x, {1, 2}, PadMode::constant, 9)) == std::vector<float>{9, 1, 2, 3, 9, 9});
  CHECK(to_vector(pad(x, {2, 1}, PadMode::reflect)) == std::vector<float>{3, 2, 1, 2, 3, 2});
  CHECK(to_vector(pad(x, {1, 2}, PadMode::replicate)) == std::vector<float>{1, 1, 2, 3, 3, 3});
  CHECK(to_vector(pad(x, {1, 2}, PadMode::circular)) == std::vector<float>{3, 1, 2, 3, 1, 2});
  CHECK(to_vector(pad(x, {-1, 0})) == std::vector<float>{2, 3});
  CHECK_THROWS_AS((void)pad(x, {3, 0}, PadMode::reflect), Error);
  CHECK(pad(zeros({2, 3}), {-1, 2, -2, 0}).shape() == Shape{0, 4});
  CHECK_THROWS_WITH_AS((void)pad(zeros({2, 3}), {-2, -2}),
                       "pad: cropping 2 and 2 leaves nothing of axis 1 of shape [2, 3]", Error);
  check_op("pad", "two axes", {{2, 3, 4}}, [](const auto& in) { return pad(in[0], {1, 2, 2, 0}); });
  check_op("pad", "cropped and filled", {{2, 3, 4}}, [](const auto& in) { return pad(in[0], {-1, 2, 1, -2}); });
  check_op("pad", "the middle axis, of a view", {{2, 3, 4}},
           [](const auto& in) { return pad_axis(transpose(in[0], 0, 2), 1, 2, 1); });
  for (const PadMode mode : {PadMode::reflect, PadMode::replicate, PadMode::circular})
    check_op("index_select", "pad two axes", {{2, 3, 4}}, [mode](const auto& in) {
      return pad(in[0], {1, 2, 2, 0}, mode);
    });
}

#include "support/op_case.hpp"

#include <limn/ops/gather.hpp>

using namespace limn;
using test::check_op;

TEST_CASE("index_select repeats and reorders positions") {
  check_op("index_select", "the middle axis, a repeat", {{2, 4, 3}}, [](const auto& in) {
    return index_select(in[0], 1, {3, 0, -1, 3});
  });
  check_op("index_select", "the last axis, repeats", {{3, 4}}, [](const auto& in) {
    return index_select(in[0], 1, {3, 0, -1, 3, 2});
  });
  check_op("index_add", "wide rows", {{5, 300}},
           [](const auto& in) {
             return index_select(in[0], 0, {4, 4, 1});
           },
           nullptr, {.gradient_atol = 1e-6});
  CHECK_THROWS_WITH_AS((void)index_select(zeros({2, 3}), 1, {3}),
                       "index_select: index 3 is out of range for axis 1 of shape [2, 3]", Error);
}

TEST_CASE("embedding looks rows up; the padding row gets no gradient") {
  const auto ids = from<std::int64_t>({1, 3, 3, 0}, {2, 2});
  check_op("embedding", "with a repeated id", {{4, 5}}, [ids](const auto& in) { return embedding(ids, in[0]); });
  Tensor<float> table = ones({4, 2});
  table.requires_grad_();
  const auto y = embedding(ids, table, {.padding_index = -1});
  CHECK(y.shape() == Shape{2, 2, 2});
  CHECK(to_vector(grad(y, {table}, {.dy = {ones({2, 2, 2})}})[0]) == std::vector<float>{1, 1, 1, 1, 0, 0, 0, 0});
  CHECK_THROWS_WITH_AS((void)embedding(from<std::int64_t>({4}, {1}), table),
                       "embedding: id 4 is out of range for a table of 4 rows", Error);
}

TEST_CASE("gather picks one element a place; scatter_add is its transpose") {
  const auto indices = from<std::int64_t>({0, 2, 2, 1, 0, 0}, {2, 3});
  check_op("gather", "along the last axis", {{2, 3}}, [indices](const auto& in) { return gather(in[0], 1, indices); });
  check_op("scatter_add", "along the first axis", {{3, 3}},
           [indices](const auto& in) { return gather(in[0], 0, indices); });
  CHECK_THROWS_AS((void)gather(zeros({2, 2}), 1, indices), Error);
}

TEST_CASE("one_hot marks one class a place") {
  CHECK(to_vector(one_hot(from<std::int64_t>({1, 0}, {2}), 3)) == std::vector<float>{0, 1, 0, 1, 0, 0});
  CHECK_THROWS_AS((void)one_hot(from<std::int64_t>({3}, {1}), 3), Error);
}

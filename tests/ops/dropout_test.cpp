#include "support/op_case.hpp"

#include <limn/ops/dropout.hpp>

using namespace limn;

TEST_CASE("dropout zeroes elements with probability p and scales the rest") {
  Generator generator(3);
  const auto x = ones({100000});
  const auto y = to_vector(dropout(x, 0.3, generator));
  index_t dropped = 0;
  for (const float v : y) {
    CHECK_UNARY((v == 0.f || v == 1.f / 0.7f));
    dropped += v == 0.f;
  }
  CHECK(dropped > 29000);
  CHECK(dropped < 31000);
  CHECK(to_vector(dropout(x, 0.3, generator)) != y);  // new zeros each time
}

TEST_CASE("dropout of 0 is x itself, of 1 is zero, and other numbers are refused") {
  Generator generator(3);
  const auto x = ones({4});
  CHECK(dropout(x, 0, generator).data() == x.data());
  CHECK(generator.state().position == 0);
  CHECK(to_vector(dropout(x, 1, generator)) == std::vector<float>{0, 0, 0, 0});
  CHECK_THROWS_WITH_AS((void)dropout(x, 1.5, generator), "dropout: p = 1.5 is not a probability", Error);
  CHECK_THROWS_AS((void)dropout(x, -0.1, generator), Error);
}

TEST_CASE("the gradient of dropout uses the same zeros") {
  test::check_op("mul", "dropout", {{5, 7}}, [](const auto& in) {
    Generator generator(11);
    return dropout(in[0], 0.4, generator);
  });
  test::check_op("mul", "whole channels", {{2, 3, 4}}, [](const auto& in) {
    Generator generator(11);
    return dropout_channels(in[0], 0.4, generator);
  });
}

TEST_CASE("dropout_channels keeps or drops each channel as one") {
  Generator generator(5);
  const auto y = dropout_channels(ones({8, 4, 6}), 0.5, generator);
  for (index_t n = 0; n < 8; ++n)
    for (index_t c = 0; c < 4; ++c)
      for (index_t i = 1; i < 6; ++i) CHECK(y.at({n, c, i}) == y.at({n, c, 0}));
}

TEST_CASE("the zeros are the same for any number of threads") {
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    Generator generator(9);
    results.push_back(to_vector(dropout(ones({70001}), 0.5, generator)));
  }
  kernels::set_thread_count(2);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

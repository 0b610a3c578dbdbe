#include <limn/ops/gru.hpp>

#include "support/recurrent_op_case.hpp"

using namespace limn;
using test::RecurrentOpCase;

namespace {

void check(const std::string& what, const RecurrentOpCase& o) {
  const auto op = [&o](const auto& in) {
    using T = typename std::decay_t<decltype(in)>::value_type::value_type;
    const test::RecurrentArguments<T> a(o, false, in);
    const RecurrentResult<T> result = gru(a.x, a.h0, a.weights, o.options());
    return test::one_row(result.output, result.h);
  };
  test::check_op("gru", what, o.shapes(3, false), op,
                 [&o](const test::Inputs<double>& in) { return test::naive_stack(o, false, in, test::naive_gru); });
}

}  // namespace

TEST_CASE("gru equals stacked naive walks, with gradients of both orders, over every option") {
  for (const auto& [what, o] : test::recurrent_op_cases()) check(what, o);
}

TEST_CASE("gru says what does not fit") {
  const Tensor<float> x = zeros<float>({4, 3, 5}), w_ih = zeros<float>({6, 5}), w_hh = zeros<float>({6, 2});
  CHECK_THROWS_WITH_AS((void)gru<float>(x, {}, {{zeros<float>({7, 5}), w_hh}}),
                       "gru: w_ih has shape [7, 5] but its rows must be 3 * hidden", Error);
  CHECK_THROWS_WITH_AS((void)gru<float>(x, {}, {{w_ih, w_hh, zeros<float>({5})}}),
                       "gru: b_ih has shape [5] but must have shape [6]", Error);
  CHECK_THROWS_WITH_AS((void)gru<float>(x, {}, {{w_ih, w_hh, {}, {}, w_hh}}),
                       "gru: has no projection but w_hr was given", Error);
  CHECK_THROWS_WITH_AS((void)gru<float>(x, {}, {}),
                       "gru: got the weights of 0 layers and directions; wanted a multiple of 1", Error);
  CHECK_THROWS_WITH_AS((void)gru<float>(x, {}, {{w_ih, w_hh}}, {.dropout = 0.5}),
                       "gru: dropout 0.5 between layers needs a generator", Error);
}

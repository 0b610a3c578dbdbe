#include <limn/ops/rnn.hpp>

#include "support/recurrent_op_case.hpp"

using namespace limn;
using test::RecurrentOpCase;

namespace {

void check(const std::string& what, const RecurrentOpCase& o, RnnActivation activation) {
  const auto op = [&o, activation](const auto& in) {
    using T = typename std::decay_t<decltype(in)>::value_type::value_type;
    const test::RecurrentArguments<T> a(o, false, in);
    const RecurrentResult<T> result = rnn(a.x, a.h0, a.weights, activation, o.options());
    return test::one_row(result.output, result.h);
  };
  const auto cell = [activation](const test::NaiveRecurrent& n) {
    return test::naive_rnn(n, activation == RnnActivation::relu);
  };
  test::check_op("rnn", what, o.shapes(1, false), op,
                 [&](const test::Inputs<double>& in) { return test::naive_stack(o, false, in, cell); });
}

}  // namespace

TEST_CASE("rnn with tanh equals stacked naive walks, with gradients of both orders, over every option") {
  for (const auto& [what, o] : test::recurrent_op_cases()) check(what, o, RnnActivation::tanh);
}

TEST_CASE("rnn with relu equals stacked naive walks, with gradients of both orders, over every option") {
  for (const auto& [what, o] : test::recurrent_op_cases()) check(what, o, RnnActivation::relu);
}

TEST_CASE("rnn says what does not fit") {
  const Tensor<float> x = zeros<float>({4, 3, 5}), w_hh = zeros<float>({2, 2});
  CHECK_THROWS_WITH_AS((void)rnn<float>(x, {}, {{zeros<float>({2, 4}), w_hh}}),
                       "rnn: x has 5 features [4, 3, 5] but w_ih [2, 4] wants 4", Error);
  CHECK_THROWS_WITH_AS((void)rnn<float>(x, {}, {{zeros<float>({2, 5}), w_hh, {}, {}, w_hh}}),
                       "rnn: has no projection but w_hr was given", Error);
}

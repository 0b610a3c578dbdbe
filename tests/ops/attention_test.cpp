#include <limn/ops/attention.hpp>

#include "support/op_case.hpp"

using namespace limn;

namespace {

/// What a case masks; score (b, h, i, j) is left out or gets a number added.
struct Masking {
  std::function<bool(index_t b, index_t h, index_t i, index_t j)> out = nullptr;
  std::function<double(index_t b, index_t h, index_t i, index_t j)> added = nullptr;
};

/// q [B, H, Tq, D], k [B, H, Tk, D], v [B, H, Tk, E]
Tensor<double> naive(const test::Inputs<double>& in, double scale, const Masking& masking) {
  const Tensor<double>&q = in[0], &k = in[1], &v = in[2];
  Tensor<double> y = zeros<double>({q.size(0), q.size(1), q.size(2), v.size(3)});
  for (index_t b = 0; b < q.size(0); ++b)
    for (index_t h = 0; h < q.size(1); ++h)
      for (index_t i = 0; i < q.size(2); ++i) {
        double total = 0;
        for (index_t j = 0; j < k.size(2); ++j) {
          double score = 0;
          for (index_t d = 0; d < q.size(3); ++d) score += q.at({b, h, i, d}) * k.at({b, h, j, d});
          score = score * scale + (masking.added ? masking.added(b, h, i, j) : 0);
          const double share = masking.out && masking.out(b, h, i, j) ? 0 : std::exp(score);
          total += share;
          for (index_t e = 0; e < v.size(3); ++e) y.at({b, h, i, e}) += share * v.at({b, h, j, e});
        }
        for (index_t e = 0; e < v.size(3); ++e) y.at({b, h, i, e}) /= total;
      }
  return y;
}

const std::vector<Shape> shapes{{2, 2, 3, 4}, {2, 2, 5, 4}, {2, 2, 5, 3}};

template <class MaskOf>
void check(const std::string& what, const MaskOf& mask_of, const AttentionOptions& options, const Masking& masking,
           const std::vector<Shape>& of = shapes) {
  const double scale = options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<double>(of[0][-1]));
  test::check_op(
      "attention", what, of,
      [&](const auto& in) {
        using T = typename std::decay_t<decltype(in)>::value_type::value_type;
        return scaled_dot_product_attention(in[0], in[1], in[2], mask_of(T()), options);
      },
      [&](const test::Inputs<double>& in) { return naive(in, scale, masking); });
}

template <class T>
Tensor<T> numbers(const Shape& shape) {
  Generator generator(11);
  return limn::detail::copy_as<T>(uniform<float>(shape, generator, -1, 1));
}
const auto no_mask = [](auto zero) { return AttentionMask<decltype(zero)>{}; };

}  // namespace

TEST_CASE("attention equals its definition, with gradients of both orders, over every mask and scale") {
  check("no mask", no_mask, {}, {});
  check("scale 0.7", no_mask, {.scale = 0.7}, {});
  check("causal", no_mask, {.causal = true}, {.out = [](index_t, index_t, index_t i, index_t j) { return j > i; }});
  check("one query, one key", no_mask, {}, {}, {{1, 1, 1, 2}, {1, 1, 1, 2}, {1, 1, 1, 2}});

  Tensor<bool> keys = zeros<bool>({2, 1, 1, 5});
  keys.at({0, 0, 0, 4}) = keys.at({1, 0, 0, 3}) = keys.at({1, 0, 0, 2}) = true;
  const auto padded = [&](index_t b, index_t, index_t, index_t j) { return keys.at({b, 0, 0, j}); };
  check("padded keys", [&](auto zero) { return AttentionMask<decltype(zero)>{.out = keys}; }, {}, {.out = padded});
  check("padded keys and causal", [&](auto zero) { return AttentionMask<decltype(zero)>{.out = keys}; },
        {.causal = true},
        {.out = [&](index_t b, index_t h, index_t i, index_t j) { return j > i || padded(b, h, i, j); }},
        {{2, 2, 5, 2}, {2, 2, 5, 2}, {2, 2, 5, 2}});

  const Tensor<double> bias = numbers<double>({3, 5});
  check("added numbers",
        [&](auto zero) {
          return AttentionMask<decltype(zero)>{.added = numbers<decltype(zero)>({3, 5})};
        },
        {}, {.added = [&](index_t, index_t, index_t i, index_t j) {
          return bias.at({i, j});
        }});
}

TEST_CASE("attention: the gradient reaches an added mask") {
  test::check_op("attention", "added mask", {{1, 2, 3, 2}, {1, 2, 4, 2}, {1, 2, 4, 2}, {3, 4}}, [](const auto& in) {
    using T = typename std::decay_t<decltype(in)>::value_type::value_type;
    return scaled_dot_product_attention(in[0], in[1], in[2], AttentionMask<T>{.added = in[3]});
  });
}

TEST_CASE("attention: weights of a query add up to one, also where every key is masked out") {
  Generator generator(1);
  const Tensor<float> q = uniform<float>({3, 4}, generator), k = uniform<float>({5, 4}, generator);
  Tensor<bool> out = zeros<bool>({3, 5});
  for (index_t j = 0; j < 5; ++j) out.at({1, j}) = true;
  const Tensor<float> weights = attention_weights<float>(q, k, {.out = out});
  for (index_t i = 0; i < 3; ++i) {
    float total = 0;
    for (index_t j = 0; j < 5; ++j) total += weights.at({i, j});
    CHECK(total == doctest::Approx(1));
  }
  CHECK(weights.at({1, 0}) == doctest::Approx(0.2));
}

TEST_CASE("attention: dropout leaves out weights and scales the others") {
  Generator generator(1), drops(2);
  const Tensor<float> q = uniform<float>({1, 4}, generator), k = uniform<float>({1000, 4}, generator);
  const Tensor<float> kept = attention_weights(q, k),
                      dropped = attention_weights<float>(q, k, {}, {.dropout = 0.25, .generator = &drops});
  index_t zero = 0;
  for (index_t j = 0; j < 1000; ++j) {
    if (dropped.at({0, j}) == 0)
      ++zero;
    else
      CHECK(dropped.at({0, j}) == doctest::Approx(kept.at({0, j}) / 0.75f));
  }
  CHECK(zero > 200);
  CHECK(zero < 300);
}

TEST_CASE("attention says what does not fit") {
  const auto call = [](const Shape& q, const Shape& k, const Shape& v, const AttentionOptions& options = {}) {
    (void)scaled_dot_product_attention(zeros<float>(q), zeros<float>(k), zeros<float>(v), {}, options);
  };
  CHECK_THROWS_WITH_AS(call({2, 3}, {4, 5}, {4, 5}), "attention: q [2, 3] and k [4, 5] differ in their last extent",
                       Error);
  CHECK_THROWS_WITH_AS(call({2, 3}, {4, 3}, {5, 3}), "attention: k [4, 3] and v [5, 3] differ in their number of keys",
                       Error);
  CHECK_THROWS_WITH_AS(call({3}, {4, 3}, {4, 3}), "attention: q [3] and k [4, 3] must have at least two dimensions",
                       Error);
  CHECK_THROWS_WITH_AS(call({2, 3}, {4, 3}, {4, 3}, {.dropout = 0.1}), "attention: dropout 0.1 needs a generator",
                       Error);
}

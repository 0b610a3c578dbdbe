#include <doctest/doctest.h>

#include <limn/nn/attention.hpp>

using namespace limn;
using Call = nn::MultiheadAttentionCall<double>;

namespace {

/// Largest difference of two tensors of one shape.
double difference(const Tensor<double>& a, const Tensor<double>& b) {
  REQUIRE(a.shape() == b.shape());
  const std::vector<double> va = to_vector(a), vb = to_vector(b);
  double largest = 0;
  for (std::size_t i = 0; i < va.size(); ++i) largest = std::max(largest, std::abs(va[i] - vb[i]));
  return largest;
}

struct Model {
  Generator generator{3};
  nn::MultiheadAttention<double> attention;
  Tensor<double> query = uniform<double>({2, 3, 8}, generator, -1, 1),
                 key = uniform<double>({2, 5, 8}, generator, -1, 1);
  Tensor<double> value = uniform<double>({2, 5, 8}, generator, -1, 1);
  explicit Model(nn::MultiheadAttentionOptions options = {.batch_first = true}) : attention(8, 2, generator, options) {}
};

}  // namespace

TEST_CASE("MultiheadAttention names its parameters as PyTorch does") {
  Generator generator(1);
  const auto names = [](nn::MultiheadAttention<float> module) {
    std::string all;
    for (const auto& entry : nn::named_tensors(module)) all += entry.first + " ";
    return all;
  };
  CHECK(names({8, 2, generator}) == "in_proj_weight in_proj_bias out_proj.weight out_proj.bias ");
  CHECK(names({8, 2, generator, {.bias = false, .kdim = 3, .add_bias_kv = true}}) ==
        "q_proj_weight k_proj_weight v_proj_weight bias_k bias_v out_proj.weight ");
}

TEST_CASE("MultiheadAttention: a padded key is as good as an absent one") {
  const Model m;
  Tensor<bool> padding = zeros<bool>({2, 5});
  for (index_t b = 0; b < 2; ++b) padding.at({b, 3}) = padding.at({b, 4}) = true;
  const auto padded = m.attention(m.query, m.key, m.value, Call{.key_padding_mask = padding});
  const auto absent = m.attention(m.query, narrow(m.key, 1, 0, 3), narrow(m.value, 1, 0, 3));
  CHECK(difference(padded.output, absent.output) < 1e-14);
  CHECK(difference(narrow(padded.weights, 2, 0, 3), absent.weights) < 1e-14);
  CHECK(difference(narrow(padded.weights, 2, 3, 2), zeros<double>({2, 3, 2})) == 0);
}

TEST_CASE("MultiheadAttention: the forms of a mask agree") {
  const Model m;
  const Tensor<double>& x = m.key;
  Tensor<bool> above = zeros<bool>({5, 5});
  Tensor<double> added = zeros<double>({5, 5});
  for (index_t i = 0; i < 5; ++i)
    for (index_t j = i + 1; j < 5; ++j) {
      above.at({i, j}) = true;
      added.at({i, j}) = -INFINITY;
    }
  const Tensor<double> causal = m.attention(x, x, x, Call{.causal = true}).output;
  CHECK(difference(m.attention(x, x, x, Call{.attn_mask = above}).output, causal) == 0);
  CHECK(difference(m.attention(x, x, x, Call{.attn_added = added}).output, causal) < 1e-14);
  CHECK(difference(m.attention(x, x, x, Call{.attn_mask = limn::detail::packed(expand(above, {4, 5, 5}))}).output,
                   causal) == 0);
  const Tensor<double> alone = m.attention(narrow(x, 1, 0, 1), narrow(x, 1, 0, 1), narrow(x, 1, 0, 1)).output;
  CHECK(difference(narrow(causal, 1, 0, 1), alone) < 1e-14);  // the first query sees itself alone
}

TEST_CASE("MultiheadAttention: a mask of each head masks that head") {
  const Model m;
  Tensor<bool> mask = zeros<bool>({4, 3, 5});  // batch * heads
  mask.at({3, 0, 2}) = true;                   // batch 1, head 1
  const auto result = m.attention(m.query, m.key, m.value, Call{.attn_mask = mask, .average_weights = false});
  CHECK(result.weights.shape() == Shape{2, 2, 3, 5});
  for (index_t b = 0; b < 2; ++b)
    for (index_t h = 0; h < 2; ++h) CHECK((result.weights.at({b, h, 0, 2}) == 0) == (b == 1 && h == 1));
}

TEST_CASE("MultiheadAttention: time first and batch first differ in their axes alone") {
  const Model first, second({.batch_first = false});
  const Tensor<double> a = first.attention(first.query, first.key, first.value).output;
  const auto swapped = [](const Tensor<double>& x) { return permute(x, {1, 0, 2}); };
  const auto b = second.attention(swapped(first.query), swapped(first.key), swapped(first.value));
  CHECK(difference(swapped(b.output), a) < 1e-14);
  CHECK(b.weights.shape() == Shape{2, 3, 5});
}

TEST_CASE("MultiheadAttention: learned and zero keys come last and no mask reaches them") {
  const Model m({.batch_first = true, .add_bias_kv = true, .add_zero_attn = true});
  const Tensor<bool> everything = full<bool>({2, 5}, true);
  const auto result = m.attention(m.query, m.key, m.value, Call{.key_padding_mask = everything, .causal = true});
  CHECK(result.weights.shape() == Shape{2, 3, 7});
  CHECK(difference(narrow(result.weights, 2, 0, 5), zeros<double>({2, 3, 5})) == 0);
  CHECK(result.weights.at({0, 0, 5}) + result.weights.at({0, 0, 6}) == doctest::Approx(1));
}

TEST_CASE("MultiheadAttention: keys and values of other widths; dropout in training alone") {
  Model m({.batch_first = true, .kdim = 4, .vdim = 6, .dropout = 0.5});
  const Tensor<double> key = narrow(m.key, 2, 0, 4), value = narrow(m.value, 2, 0, 6);
  CHECK_THROWS_WITH_AS((void)m.attention(m.query, key, value), "attention: dropout 0.5 needs a generator", Error);
  Generator one(1), other(2);
  const Tensor<double> a = m.attention(m.query, key, value, Call{.generator = &one}).output;
  CHECK(difference(m.attention(m.query, key, value, Call{.generator = &other}).output, a) > 0);
  nn::eval(m.attention);
  CHECK(m.attention(m.query, key, value).output.shape() == Shape{2, 3, 8});
}

TEST_CASE("MultiheadAttention: the output is the same without its weights") {
  const Model m;
  Tensor<bool> hidden = zeros<bool>({2, 5});
  hidden.at({0, 4}) = hidden.at({1, 0}) = true;
  for (const bool causal : {false, true}) {
    const auto full = m.attention(m.query, m.key, m.value, Call{.key_padding_mask = hidden, .causal = causal});
    const auto lean =
        m.attention(m.query, m.key, m.value, Call{.key_padding_mask = hidden, .causal = causal, .need_weights = false});
    CHECK(difference(full.output, lean.output) < 1e-12);
    CHECK(!lean.weights.defined());
  }
}

TEST_CASE("MultiheadAttention says what does not fit") {
  const Model m;
  Generator generator(1);
  CHECK_THROWS_WITH_AS(nn::MultiheadAttention<float>(8, 3, generator),
                       "MultiheadAttention: embed 8 does not divide into 3 heads", Error);
  CHECK_THROWS_WITH_AS((void)m.attention(m.query, narrow(m.key, 1, 0, 4), m.value),
                       "MultiheadAttention: query [2, 3, 8], key [2, 4, 8] and value [2, 5, 8] do not fit together",
                       Error);
  CHECK_THROWS_WITH_AS((void)m.attention(m.query, m.key, m.value, Call{.key_padding_mask = zeros<bool>({2, 3})}),
                       "MultiheadAttention: key_padding_mask has shape [2, 3] but must have shape [2, 5]", Error);
  CHECK_THROWS_WITH_AS((void)m.attention(m.query, m.key, m.value, Call{.attn_mask = zeros<bool>({5, 3})}),
                       "MultiheadAttention: attn_mask has shape [5, 3] but must have shape [3, 5]", Error);
}

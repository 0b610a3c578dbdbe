#include <doctest/doctest.h>

#include <limn/nn/transformer.hpp>

using namespace limn;
using Call = nn::MultiheadAttentionCall<double>;

namespace {

double difference(const Tensor<double>& a, const Tensor<double>& b) {
  REQUIRE(a.shape() == b.shape());
  const std::vector<double> va = to_vector(a), vb = to_vector(b);
  double largest = 0;
  for (std::size_t i = 0; i < va.size(); ++i) largest = std::max(largest, std::abs(va[i] - vb[i]));
  return largest;
}

const nn::TransformerOptions small{.feedforward = 6, .batch_first = true, .dropout = 0};

}  // namespace

TEST_CASE("transformer layers name their parameters as PyTorch does") {
  Generator generator(1);
  const auto names = [](auto module) {
    std::string all;
    for (const auto& entry : nn::named_tensors(module)) all += entry.first + " ";
    return all;
  };
  const std::string self =
      "self_attn.in_proj_weight self_attn.in_proj_bias self_attn.out_proj.weight self_attn.out_proj.bias ";
  const std::string rest =
      "linear1.weight linear1.bias linear2.weight linear2.bias norm1.weight norm1.bias norm2.weight norm2.bias ";
  CHECK(names(nn::TransformerEncoderLayer<float>(4, 2, generator, small)) == self + rest);
  CHECK(names(nn::TransformerDecoderLayer<float>(4, 2, generator, small)) ==
        self +
            "multihead_attn.in_proj_weight multihead_attn.in_proj_bias multihead_attn.out_proj.weight "
            "multihead_attn.out_proj.bias " +
            rest + "norm3.weight norm3.bias ");
}

TEST_CASE("TransformerEncoderLayer: post-norm and pre-norm are what their formulas say") {
  Generator generator(2);
  for (const bool norm_first : {false, true})
    for (const auto activation : {nn::TransformerActivation::relu, nn::TransformerActivation::gelu}) {
      nn::TransformerOptions options = small;
      options.norm_first = norm_first;
      options.activation = activation;
      const nn::TransformerEncoderLayer<double> layer(4, 2, generator, options);
      const Tensor<double> x = uniform<double>({2, 3, 4}, generator, -1, 1);
      const auto attend = [&](const Tensor<double>& v) {
        return layer.self_attn(v, v, v, Call{.need_weights = false}).output;
      };
      const auto widen = [&](const Tensor<double>& v) {
        const Tensor<double> wide = layer.linear1(v);
        return layer.linear2(activation == nn::TransformerActivation::relu ? relu(wide) : gelu(wide));
      };
      Tensor<double> wanted;
      if (norm_first) {
        const Tensor<double> y = x + attend(layer.norm1(x));
        wanted = y + widen(layer.norm2(y));
      } else {
        const Tensor<double> y = layer.norm1(x + attend(x));
        wanted = layer.norm2(y + widen(y));
      }
      CHECK(difference(layer(x), wanted) == 0);
    }
}

TEST_CASE("TransformerDecoderLayer: no query sees later positions or padded memory") {
  Generator generator(3);
  for (const bool norm_first : {false, true}) {
    nn::TransformerOptions options = small;
    options.norm_first = norm_first;
    const nn::TransformerDecoderLayer<double> layer(4, 2, generator, options);
    const Tensor<double> x = uniform<double>({1, 3, 4}, generator, -1, 1),
                         memory = uniform<double>({1, 5, 4}, generator, -1, 1);
    Tensor<bool> padding = zeros<bool>({1, 5});
    padding.at({0, 4}) = true;
    const Tensor<double> all = layer(x, memory, Call{.causal = true}, Call{.key_padding_mask = padding});
    const Tensor<double> shorter = layer(narrow(x, 1, 0, 2), narrow(memory, 1, 0, 4), Call{.causal = true});
    CHECK(difference(narrow(all, 1, 0, 2), shorter) < 1e-14);
    CHECK(difference(layer(x, memory), all) > 1e-3);
  }
}

TEST_CASE("transformer layers drop in training alone, and a seed repeats them") {
  Generator generator(4);
  nn::TransformerOptions options = small;
  options.dropout = 0.3;
  nn::TransformerEncoderLayer<double> layer(4, 2, generator, options);
  const Tensor<double> x = uniform<double>({2, 3, 4}, generator, -1, 1);
  Generator one(1), same(1), other(2);
  const Tensor<double> y = layer(x, Call{.generator = &one});
  CHECK(difference(layer(x, Call{.generator = &same}), y) == 0);
  CHECK(difference(layer(x, Call{.generator = &other}), y) > 0);
  CHECK_THROWS_AS((void)layer(x), Error);
  nn::eval(layer);
  CHECK(difference(layer(x), layer(x)) == 0);
}

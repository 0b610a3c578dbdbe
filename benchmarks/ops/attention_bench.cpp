// Scaled dot-product attention: a vision transformer's heads at 384 pixels, a text encoder's.

#include <limn/autograd/backward.hpp>
#include <limn/autograd/no_grad.hpp>
#include <limn/core/random.hpp>
#include <limn/ops/attention.hpp>

#include "../opponents/opponent.hpp"

using namespace limn;

namespace bench {
namespace {

struct Heads {
  index_t batch, heads, tokens, depth;
};

struct Operands {
  Heads s;
  Tensor<float> q, k, v, y, dy;

  explicit Operands(const Heads& heads) : s(heads) {
    Generator generator(1);
    const auto fresh = [&] { return uniform({s.batch, s.heads, s.tokens, s.depth}, generator, -1, 1); };
    q = fresh();
    k = fresh();
    v = fresh();
    dy = fresh();
  }
  [[nodiscard]] double error() const {
    const index_t tokens = s.tokens, depth = s.depth;
    return relative_error(y.data(), y.numel(), [&](long at) {
      const index_t column = at % depth, row = at / depth % tokens, head = at / (depth * tokens);
      const float *qs = q.data() + (head * tokens + row) * depth, *ks = k.data() + head * tokens * depth,
                  *vs = v.data() + head * tokens * depth;
      double total = 0, sum = 0;  // scores of numbers in [-1, 1] need no maximum
      for (index_t j = 0; j < tokens; ++j) {
        double score = 0;
        for (index_t d = 0; d < depth; ++d) score += static_cast<double>(qs[d]) * ks[j * depth + d];
        const double weight = std::exp(score / std::sqrt(static_cast<double>(depth)));
        total += weight;
        sum += weight * vs[j * depth + column];
      }
      return sum / total;
    });
  }
};

Contenders duel(const Heads& s, bool both) {
  const auto o = std::make_shared<Operands>(s);
  Contenders all;
  if (both) {
    for (Tensor<float>* x : {&o->q, &o->k, &o->v}) x->requires_grad_();
    all.push_back(here(
        "limn",
        [o] {
          for (Tensor<float>* x : {&o->q, &o->k, &o->v}) x->zero_grad();
          o->y = scaled_dot_product_attention(o->q, o->k, o->v);
          backward(o->y, o->dy);
        },
        [o] { return o->error(); }));
  } else {
    all.push_back(here(
        "limn",
        [o] {
          const NoGradGuard no_grad;
          o->y = scaled_dot_product_attention(o->q, o->k, o->v);
        },
        [o] { return o->error(); }));
  }
  for (Contender& other : torch("attention batch=" + std::to_string(s.batch) + " heads=" + std::to_string(s.heads) +
                                " tokens=" + std::to_string(s.tokens) + " depth=" + std::to_string(s.depth) +
                                " what=" + (both ? "both" : "forward")))
    all.push_back(other);
  return all;
}

}  // namespace

void cases() {
  const auto add_heads = [](const Heads& s) {
    const double forward = 4.0 * static_cast<double>(s.batch * s.heads * s.tokens * s.tokens * s.depth);
    const std::string shape = "B" + std::to_string(s.batch) + "H" + std::to_string(s.heads) + "T" +
                              std::to_string(s.tokens) + "D" + std::to_string(s.depth);
    add(
        "attention/forward/" + shape, {.flops = forward}, [s] { return duel(s, false); }, true);
    add("attention/both/" + shape, {.flops = 3.5 * forward}, [s] { return duel(s, true); });
  };
  add_heads({1, 12, 577, 64});
  add_heads({8, 8, 77, 64});
}

}  // namespace bench

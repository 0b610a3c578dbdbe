#pragma once
// The CPU body of attention.hpp: what is shared out to threads, and the memory of a problem; the loops are in
// attention.inl and attention_gradients.inl.

#include <limits>

#include <limn_kernels/attention.hpp>
#include <limn_kernels/cpu/math.hpp>
#include <limn_kernels/cpu/panel.hpp>
#include <limn_kernels/cpu/recurrent.hpp>
#include <limn_kernels/softmax.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

/// Rows of a tile of products. Three instead of six, with vectors twice as many, would read each vector of keys for
/// half as many products, and keys come from the second-level cache.
inline constexpr index_t attention_rows = 6;

/// One problem of a batch.
template <class T>
struct AttentionProblem {
  const AttentionShape& s;
  const T *q, *k, *v;
  index_t ldq, ldk, ldv;
  const bool* out;
  index_t out_row, out_column;
  const T* added;
  index_t added_row, added_column;

  AttentionProblem(const AttentionShape& shape, const AttentionInputs<T>& in, index_t b)
      : s(shape),
        q(in.q.data + in.q.offsets[b]),
        k(in.k.data + in.k.offsets[b]),
        v(in.v.data + in.v.offsets[b]),
        ldq(in.q.row),
        ldk(in.k.row),
        ldv(in.v.row),
        out(in.out.data ? in.out.data + in.out.offsets[b] : nullptr),
        out_row(in.out.row),
        out_column(in.out.column),
        added(in.added.data ? in.added.data + in.added.offsets[b] : nullptr),
        added_row(in.added.row),
        added_column(in.added.column) {}
};

/// Sizes rounded up to whole vectors, and the keys and queries that are worked on at a time.
struct AttentionPlan {
  index_t depth, width, keys, rows;
  AttentionPlan(const AttentionShape& s, index_t lanes, index_t most_keys, index_t most_rows)
      : depth(round_up(s.depth, lanes)), width(round_up(s.width, lanes)) {
    const index_t blocks = (s.keys + most_keys - 1) / most_keys;
    keys = round_up((s.keys + blocks - 1) / blocks, 4 * lanes);
    rows = most_rows;
  }
  static index_t round_up(index_t n, index_t step) { return (n + step - 1) / step * step; }
};

/// Scratch memory of the forward pass: k and v of a block of keys, the scores of a tile of queries.
template <class T>
struct AttentionWork {
  T *k, *v, *scores, *maximum, *sum;
};
/// Of the backward pass: k and v of a block of keys both ways round, q and dy of a block of queries, their weights and
/// gradients on scores.
template <class T>
struct AttentionBackwardWork {
  T *kt, *vt, *k, *q, *dy, *weights, *dscores, *delta;
};

}  // namespace limn::inline LIMN_ABI::kernels::cpu

#define LIMN_ISA_BODY <limn_kernels/cpu/attention.inl>
#include <limn_kernels/for_each_isa.hpp>
#define LIMN_ISA_BODY <limn_kernels/cpu/attention_gradients.inl>
#include <limn_kernels/for_each_isa.hpp>

namespace limn::inline LIMN_ABI::kernels::cpu {

template <class T>
void attention_forward(const AttentionShape& s, const AttentionInputs<T>& in, T* y, T* statistics) {
  const index_t tile = attention_rows;
  const AttentionPlan plan(s, LIMN_CALL_ISA(vector_lanes<T>), 640, tile);
  // Queries do not depend on each other: few problems are divided by queries, each part packing its keys again.
  const index_t parts =
      s.batch >= 8 ? 1 : std::min<index_t>((s.queries + 127) / 128, 8 / std::max<index_t>(s.batch, 1));
  const index_t part = AttentionPlan::round_up((s.queries + parts - 1) / std::max<index_t>(parts, 1), tile);
  const bool small = s.batch * s.queries * s.keys * (s.depth + s.width) < 65536;
  parallel_for(s.batch * parts, small ? s.batch * parts : 1, [&](index_t begin, index_t end) {
    Workspace<T> k(plan.keys * plan.depth), v(plan.keys * plan.width), scores(tile * plan.keys);
    Workspace<T> maximum(part), sum(part);
    const AttentionWork<T> work{k.data(), v.data(), scores.data(), maximum.data(), sum.data()};
    for (index_t i = begin; i < end; ++i) {
      const index_t b = i / parts, first = i % parts * part, last = std::min(s.queries, first + part);
      if (first >= last) continue;
      const AttentionProblem<T> problem(s, in, b);
      LIMN_CALL_ISA(attention_queries<T>, problem, plan, work, first, last, y + b * s.queries * s.width,
                    statistics ? statistics + b * s.queries * 2 : nullptr);
    }
  });
}

template <class T>
void attention_backward(const AttentionShape& s, const AttentionInputs<T>& in, const T* y, const T* statistics,
                        const T* dy, const AttentionGradients<T>& grads) {
  const index_t lanes = LIMN_CALL_ISA(vector_lanes<T>);
  const AttentionPlan plan(s, lanes, 256, 96);
  const bool small = s.batch * s.queries * s.keys * (s.depth + s.width) < 32768;
  parallel_for(s.batch, small ? s.batch : 1, [&](index_t begin, index_t end) {
    Workspace<T> kt(plan.keys * plan.depth), vt(plan.keys * plan.width), k(plan.keys * plan.depth);
    Workspace<T> q(plan.rows * plan.depth), d(plan.rows * plan.width), delta(s.queries);
    Workspace<T> weights(plan.rows * plan.keys), dscores(plan.rows * plan.keys);
    const AttentionBackwardWork<T> work{kt.data(), vt.data(),      k.data(),       q.data(),
                                        d.data(),  weights.data(), dscores.data(), delta.data()};
    for (index_t b = begin; b < end; ++b) {
      const AttentionProblem<T> problem(s, in, b);
      const index_t rows = b * s.queries;
      const AttentionGradients<T> to{grads.dq + rows * s.depth, grads.dk + b * s.keys * s.depth,
                                     grads.dv + b * s.keys * s.width};
      LIMN_CALL_ISA(attention_gradients<T>, problem, plan, work, y + rows * s.width, statistics + rows * 2,
                    dy + rows * s.width, to);
    }
  });
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu

// The gradients of attention.hpp for one instruction set: weights and gradients on scores stay in the second-level
// cache.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// No gradient where a score was replaced.
template <class T>
void mask_gradients(const AttentionProblem<T>& p, index_t i, index_t first, index_t n, T* x) {
  if (p.out) {
    const bool* out = p.out + i * p.out_row + first * p.out_column;
    for (index_t j = 0; j < n; ++j) x[j] = out[j * p.out_column] ? T(0) : x[j];
  }
  if (p.s.causal)
    for (index_t j = i + 1 > first ? i + 1 - first : 0; j < n; ++j) x[j] = T(0);
}
/// weights = exp(factor score - maximum) / sum, from the scores in their place; dscores = scale weights (dscores -
/// delta).
template <class T>
void weights_and_gradients(index_t n, T* weights, T* dscores, T factor, T maximum, T reciprocal, T delta, T scale) {
  const Vec<T> top = broadcast<T>(maximum), slope = broadcast<T>(factor), part = broadcast<T>(reciprocal);
  const Vec<T> shift = broadcast<T>(delta), last = broadcast<T>(scale);
  index_t j = 0;
  for (; j + lanes<T> <= n; j += lanes<T>) {
    const Vec<T> w = exp_below(load<T>(weights + j) * slope - top) * part;
    store<T>(weights + j, w);
    store<T>(dscores + j, w * last * (load<T>(dscores + j) - shift));
  }
  if (j == n) return;
  const Vec<T> w = exp_below(load_first<T>(weights + j, n - j) * slope - top) * part;
  store_first<T>(weights + j, w, n - j);
  store_first<T>(dscores + j, w * last * (load_first<T>(dscores + j, n - j) - shift), n - j);
}

/// The gradients of one problem: dS = scale P (dP - delta), dP = dy v^T, delta = sum(y dy); dq = dS k, dk = dS^T q, dv
/// = P^T dy.
template <class T>
void attention_gradients(const AttentionProblem<T>& p, const AttentionPlan& plan, const AttentionBackwardWork<T>& work,
                         const T* y, const T* statistics, const T* dy, const AttentionGradients<T>& to) {
  const AttentionShape& s = p.s;
  for (index_t i = 0; i < s.queries; ++i) {
    Vec<T> sum{};
    for (index_t e = 0; e < s.width; e += lanes<T>) {
      const index_t n = s.width - e < lanes<T> ? s.width - e : lanes<T>;
      sum += load_n<T>(y + i * s.width + e, n) * load_n<T>(dy + i * s.width + e, n);
    }
    work.delta[i] = reduce_add<T>(sum);
    for (index_t e = 0; e < s.depth; ++e) to.dq[i * s.depth + e] = T(0);
  }
  const bool masking = needs_masking(p);
  const T scale = static_cast<T>(s.scale), factor = masking ? T(1) : scale;
  for (index_t key = 0; key < s.keys; key += plan.keys) {
    const index_t block = s.keys - key < plan.keys ? s.keys - key : plan.keys;
    pack_keys<T>(block, s.depth, p.k + key * p.ldk, p.ldk, work.kt);
    pack_keys<T>(block, s.width, p.v + key * p.ldv, p.ldv, work.vt);
    copy_padded<T>(block, block, s.depth, plan.depth, p.k + key * p.ldk, p.ldk, work.k);
    T *dk = to.dk + key * s.depth, *dv = to.dv + key * s.width;
    for (index_t e = 0; e < block * s.depth; ++e) dk[e] = T(0);
    for (index_t e = 0; e < block * s.width; ++e) dv[e] = T(0);

    for (index_t i = 0; i < s.queries; i += plan.rows) {
      const index_t rows = s.queries - i < plan.rows ? s.queries - i : plan.rows;
      if (visible_keys(p, i + rows) <= key) continue;
      copy_padded<T>(plan.rows, rows, s.depth, plan.depth, p.q + i * p.ldq, p.ldq, work.q);
      copy_padded<T>(plan.rows, rows, s.width, plan.width, dy + i * s.width, s.width, work.dy);
      multiply_tiles<T, TileStore::overwrite>(rows, block,
                                              {.k = s.depth,
                                               .a = work.q,
                                               .a_row = plan.depth,
                                               .b = work.kt,
                                               .b_step = attention_columns<T>,
                                               .y = work.weights,
                                               .y_row = plan.keys},
                                              attention_columns<T> * s.depth);
      multiply_tiles<T, TileStore::overwrite>(rows, block,
                                              {.k = s.width,
                                               .a = work.dy,
                                               .a_row = plan.width,
                                               .b = work.vt,
                                               .b_step = attention_columns<T>,
                                               .y = work.dscores,
                                               .y_row = plan.keys},
                                              attention_columns<T> * s.width);
      for (index_t r = 0; r < rows; ++r) {
        T *weights = work.weights + r * plan.keys, *dscores = work.dscores + r * plan.keys;
        if (masking) mask_scores(p, i + r, key, block, weights);
        weights_and_gradients<T>(block, weights, dscores, factor, statistics[2 * (i + r)], statistics[2 * (i + r) + 1],
                                 work.delta[i + r], scale);
        if (p.out || s.causal) mask_gradients(p, i + r, key, block, dscores);
      }
      multiply_tiles<T, TileStore::add>(rows, s.depth,
                                        {.k = block,
                                         .a = work.dscores,
                                         .a_row = plan.keys,
                                         .b = work.k,
                                         .b_step = plan.depth,
                                         .y = to.dq + i * s.depth,
                                         .y_row = s.depth},
                                        attention_columns<T>);
      multiply_tiles<T, TileStore::add>(block, s.depth,
                                        {.k = rows,
                                         .a = work.dscores,
                                         .a_row = 1,
                                         .a_step = plan.keys,
                                         .b = work.q,
                                         .b_step = plan.depth,
                                         .y = dk,
                                         .y_row = s.depth},
                                        attention_columns<T>);
      multiply_tiles<T, TileStore::add>(block, s.width,
                                        {.k = rows,
                                         .a = work.weights,
                                         .a_row = 1,
                                         .a_step = plan.keys,
                                         .b = work.dy,
                                         .b_step = plan.width,
                                         .y = dv,
                                         .y_row = s.width},
                                        attention_columns<T>);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

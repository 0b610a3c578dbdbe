// The loops of attention.hpp for one instruction set: products by tiles, masks, and the forward pass, in which scores
// are made a tile of attention_rows queries at a time and never leave the first-level cache.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // every function that takes vectors is inlined: no vector crosses a call

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// A score that no softmax prefers, and finite: where all are masked out, all weigh alike.
template <class T>
inline constexpr T masked_score = T(-3e38f);

/// Vectors of columns of a tile: the sums of six rows take 24 of 32 registers with AVX-512, 12 of 16 without.
inline constexpr index_t attention_vectors = LIMN_VECTOR_BYTES == 64 ? 4 : 2;
template <class T>
inline constexpr index_t attention_columns = attention_vectors* lanes<T>;

/// How the sums of a tile reach memory: y = sum, y = y + sum, or y = (y * before + sum) * after, row by row.
enum class TileStore : std::uint8_t { overwrite, add, rescale };

/// `rows` <= attention_rows rows of A times up to attention_vectors vectors of columns of B, of which `valid` columns
/// are stored.
template <class T>
struct ProductTile {
  index_t k = 0;
  const T* a = nullptr;
  index_t a_row = 0, a_step = 1;
  const T* b = nullptr;
  index_t b_step = 0;
  T* y = nullptr;
  index_t y_row = 0, rows = 0, valid = 0;
  const T *before = nullptr, *after = nullptr;  // TileStore::rescale only; null: as it is

  template <TileStore how, index_t G>
  LIMN_INLINE void run() const {
    const T* source[attention_rows];
    Vec<T> sum[attention_rows][G];
#pragma GCC unroll 8
    for (index_t r = 0; r < attention_rows; ++r) {
      source[r] = a + (r < rows ? r : rows - 1) * a_row;  // rows past the end repeat the last one
#pragma GCC unroll 4
      for (index_t g = 0; g < G; ++g) sum[r][g] = Vec<T>{};
    }
    multiply_panel<T, attention_rows, G>(k, source, a_step, b, b_step, sum);
    if (rows == attention_rows && valid >= G * lanes<T>)
      put<how, true>(sum);
    else
      put<how, false>(sum);
  }

 private:
  template <TileStore how, bool whole, index_t G>
  LIMN_INLINE void put(const Vec<T> (&sum)[attention_rows][G]) const {
#pragma GCC unroll 8
    for (index_t r = 0; r < attention_rows; ++r) {
      if (!whole && r >= rows) break;
#pragma GCC unroll 4
      for (index_t g = 0; g < G; ++g) {
        T* to = y + r * y_row + g * lanes<T>;
        const index_t left = valid - g * lanes<T>, n = whole || left >= lanes<T> ? lanes<T> : left;
        Vec<T> value = sum[r][g];
        if constexpr (how == TileStore::add) value += load_n<T>(to, n);
        if constexpr (how == TileStore::rescale) {
          if (before) value += load_n<T>(to, n) * broadcast<T>(before[r]);
          if (after) value = value * broadcast<T>(after[r]);
        }
        store_n<T>(to, value, n);
      }
    }
  }
};

/// y [rows, columns] = (by `how`) A [rows, k] B [k, columns]; panel j of B, attention_columns wide, begins at b + j *
/// b_panel. a(i, p) = a[i * a_row + p * a_step] must be readable for whole tiles of rows, and B for whole vectors.
template <class T, TileStore how>
void multiply_tiles(index_t rows, index_t columns, ProductTile<T> t, index_t b_panel) {
  const T *a = t.a, *b = t.b;
  T* y = t.y;
  for (index_t j = 0; j * attention_columns<T> < columns; ++j) {
    const index_t left = columns - j * attention_columns<T>, vectors = (left + lanes<T> - 1) / lanes<T>;
    t.b = b + j * b_panel;
    t.valid = left < attention_columns<T> ? left : attention_columns<T>;
    for (index_t i = 0; i < rows; i += attention_rows) {
      t.a = a + i * t.a_row;
      t.y = y + i * t.y_row + j * attention_columns<T>;
      t.rows = rows - i < attention_rows ? rows - i : attention_rows;
      if (vectors >= attention_vectors) t.template run<how, attention_vectors>();
#if LIMN_VECTOR_BYTES == 64
      else if (vectors == 3)
        t.template run<how, 3>();
      else if (vectors == 2)
        t.template run<how, 2>();
#endif
      else
        t.template run<how, 1>();
    }
  }
}

/// Panels [key / panel_columns][depth][panel_columns] of rows [first, first + n) of x: x transposed.
template <class T>
void pack_keys(index_t n, index_t depth, const T* x, index_t row, T* y) {
  for (index_t j = 0; j < n; j += attention_columns<T>)
    for (index_t g = 0; g < attention_vectors; ++g) {
      const index_t at = j + g * lanes<T>, left = n - at, count = left < 0 ? 0 : left < lanes<T> ? left : lanes<T>;
      pack_transposed<T>(depth, count, x + (count > 0 ? at : 0) * row, row, y + j * depth + g * lanes<T>,
                         attention_columns<T>);
    }
}

/// y [rows, padded] = x; what is beyond n columns or `count` rows is zero.
template <class T>
void copy_padded(index_t rows, index_t count, index_t n, index_t padded, const T* x, index_t row, T* y) {
  for (index_t i = 0; i < rows; ++i)
    for (index_t e = 0; e < padded; e += lanes<T>) {
      const index_t left = n - e, valid = left < lanes<T> ? left : lanes<T>;
      Vec<T> value{};
      if (i < count && valid > 0) value = load_n<T>(x + i * row + e, valid);
      store<T>(y + i * padded + e, value);
    }
}

/// Keys behind the last whole panel, up to so many, are met by dot products: the 577th after 576 patches would cost a
/// third of a tile.
inline constexpr index_t dotted_keys = 2;

/// x [rows, x_row]: column j of rows [first, last) of q times row j of k, for j in [from, until).
template <class T>
void dot_keys(const AttentionProblem<T>& p, index_t first, index_t last, index_t key, index_t from, index_t until, T* x,
              index_t x_row) {
  for (index_t i = first; i < last; ++i, x += x_row)
    for (index_t j = from; j < until; ++j) {
      const T *q = p.q + i * p.ldq, *k = p.k + (key + j) * p.ldk;
      Vec<T> sum{};
      for (index_t e = 0; e < p.s.depth; e += lanes<T>) {
        const index_t n = p.s.depth - e < lanes<T> ? p.s.depth - e : lanes<T>;
        sum += load_n<T>(q + e, n) * load_n<T>(k + e, n);
      }
      x[j] = reduce_add<T>(sum);
    }
}

/// The scores of query i for keys [first, first + n), scaled and masked; the products are in x.
template <class T>
void mask_scores(const AttentionProblem<T>& p, index_t i, index_t first, index_t n, T* x) {
  const T scale = static_cast<T>(p.s.scale);
  for (index_t j = 0; j < n; ++j) x[j] *= scale;
  if (p.added) {
    const T* added = p.added + i * p.added_row + first * p.added_column;
    for (index_t j = 0; j < n; ++j) x[j] += added[j * p.added_column];
  }
  if (p.out) {
    const bool* out = p.out + i * p.out_row + first * p.out_column;
    for (index_t j = 0; j < n; ++j) x[j] = out[j * p.out_column] ? masked_score<T> : x[j];
  }
  if (p.s.causal)
    for (index_t j = i + 1 > first ? i + 1 - first : 0; j < n; ++j) x[j] = masked_score<T>;
}
/// Whether products must become scores before their softmax: it takes a positive factor itself.
template <class T>
LIMN_INLINE bool needs_masking(const AttentionProblem<T>& p) {
  return p.added || p.out || p.s.causal || !(p.s.scale > 0);
}
/// Keys that the queries before `last` can see; all where another mask might leave a query without any.
template <class T>
LIMN_INLINE index_t visible_keys(const AttentionProblem<T>& p, index_t last) {
  return p.s.causal && !p.out && !p.added && last < p.s.keys ? last : p.s.keys;
}

/// x = exp(factor (x - maximum)), the running maximum and sum of its row brought up to date; returns what earlier sums
/// are multiplied by. factor > 0.
template <class T>
T online_softmax(index_t n, T* x, T factor, T& maximum, T& sum, bool first) {
  constexpr T log2_e = T(1.4426950408889634);
  const T top = row_maximum<T>(n, x), now = first || top > maximum ? top : maximum;
  const T from = now < -std::numeric_limits<T>::max() ? T(0) : now;  // nothing but -infinity so far: exp gives 0
  const Vec<T> slope = broadcast<T>(factor * log2_e), origin = broadcast<T>(from);
  Vec<T> s0{}, s1{};
  index_t j = 0;
  for (; j + 2 * lanes<T> <= n; j += 2 * lanes<T>) {
    const Vec<T> e0 = exp2_below((load<T>(x + j) - origin) * slope),
                 e1 = exp2_below((load<T>(x + j + lanes<T>) - origin) * slope);
    store<T>(x + j, e0);
    store<T>(x + j + lanes<T>, e1);
    s0 += e0;
    s1 += e1;
  }
  for (; j < n; j += lanes<T>) {
    const index_t count = n - j < lanes<T> ? n - j : lanes<T>;
    const Vec<T> e = exp2_below((load_padded<T>(x + j, count, -static_cast<T>(__builtin_inff())) - origin) * slope);
    store<T>(x + j, e);
    s0 += e;
  }
  const T total = reduce_add<T>(s0 + s1);
  T rescale = T(0);
  if (!first) rescale = exp2_below((broadcast<T>(maximum) - origin) * slope)[0];
  maximum = now;
  sum = first ? total : sum * rescale + total;
  return rescale;
}

/// Queries [first, last) of one problem.
template <class T>
void attention_queries(const AttentionProblem<T>& p, const AttentionPlan& plan, const AttentionWork<T>& work,
                       index_t first, index_t last, T* y, T* statistics) {
  const AttentionShape& s = p.s;
  const index_t seen = visible_keys(p, last);
  const bool v_in_place = s.width % lanes<T> == 0, masking = needs_masking(p);
  const T factor = masking ? T(1) : static_cast<T>(s.scale);
  for (index_t key = 0; key < seen; key += plan.keys) {
    const index_t block = seen - key < plan.keys ? seen - key : plan.keys;
    pack_keys<T>(block, s.depth, p.k + key * p.ldk, p.ldk, work.k);
    if (!v_in_place) copy_padded<T>(block, block, s.width, plan.width, p.v + key * p.ldv, p.ldv, work.v);
    const T* v = v_in_place ? p.v + key * p.ldv : work.v;
    for (index_t i = first; i < last; i += attention_rows) {
      const index_t rows = last - i < attention_rows ? last - i : attention_rows, until = visible_keys(p, i + rows);
      const index_t n = until - key < block ? until - key : block;
      if (n <= 0) continue;
      const bool opens = key == 0, closes = key + n == until;
      const index_t over = n % attention_columns<T>, tiled = over <= dotted_keys ? n - over : n;
      dot_keys(p, i, i + rows, key, tiled, n, work.scores, plan.keys);
      multiply_tiles<T, TileStore::overwrite>(rows, tiled,
                                              {.k = s.depth,
                                               .a = p.q + i * p.ldq,
                                               .a_row = p.ldq,
                                               .b = work.k,
                                               .b_step = attention_columns<T>,
                                               .y = work.scores,
                                               .y_row = plan.keys},
                                              attention_columns<T> * s.depth);
      T before[attention_rows], after[attention_rows];
      for (index_t r = 0; r < rows; ++r) {
        T& maximum = work.maximum[i - first + r];
        T& sum = work.sum[i - first + r];
        T* x = work.scores + r * plan.keys;
        if (masking) mask_scores(p, i + r, key, n, x);
        before[r] = online_softmax<T>(n, x, factor, maximum, sum, opens);
        after[r] = T(1) / sum;
        if (!closes || !statistics) continue;
        statistics[2 * (i + r)] = factor * maximum;
        statistics[2 * (i + r) + 1] = after[r];
      }
      multiply_tiles<T, TileStore::rescale>(rows, s.width,
                                            {.k = n,
                                             .a = work.scores,
                                             .a_row = plan.keys,
                                             .b = v,
                                             .b_step = v_in_place ? p.ldv : plan.width,
                                             .y = y + i * s.width,
                                             .y_row = s.width,
                                             .before = opens ? nullptr : before,
                                             .after = closes ? after : nullptr},
                                            attention_columns<T>);
    }
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

// The loops of cross_entropy.hpp for one instruction set. With inner = 1 the classes of a row lie side by side;
// otherwise each vector lane is a column of its own.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// -sum_c w_c log p_c.
template <class T>
double smoothing_sum(const CrossEntropyShape& s, const T* weight, const T* x, T top, T log_sum) {
  if (s.inner == 1) {
    LongSum<T> sum;
    const Vec<T> tops = broadcast<T>(top), log_sums = broadcast<T>(log_sum);
    for (index_t c = 0; c < s.classes; c += lanes<T>) {
      const index_t n = s.classes - c < lanes<T> ? s.classes - c : lanes<T>;
      alignas(LIMN_VECTOR_BYTES) T lane[lanes<T>];
      Vec<T> nll = log_sums - (load_some<T>(x + c, n) - tops);
      if (n < lanes<T>) {  // nothing from beyond the end
        store<T>(lane, nll);
        nll = load_first<T>(lane, n);
      }
      sum.add(weight ? nll * load_some<T>(weight + c, n) : nll);
    }
    sum.flush();
    return sum.total;
  }
  double sum = 0;
  for (index_t c = 0; c < s.classes; ++c) {
    const double nll = static_cast<double>(log_sum) - static_cast<double>(x[c * s.inner] - top);
    sum += weight ? static_cast<double>(weight[c]) * nll : nll;
  }
  return sum;
}

template <class T>
T position_loss(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const T* x, std::int64_t target, T top,
                T log_sum) {
  if (target == p.ignore_index) return T(0);
  const double nll = static_cast<double>(log_sum) - static_cast<double>(x[target * s.inner] - top);
  double loss = (1 - p.smoothing) * (p.weight ? static_cast<double>(p.weight[target]) * nll : nll);
  if (p.smoothing > 0)
    loss += p.smoothing / static_cast<double>(s.classes) * smoothing_sum(s, p.weight, x, top, log_sum);
  return static_cast<T>(loss);
}

template <class T>
void cross_entropy_strip(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, const CrossEntropyRow<T>& row,
                         index_t columns) {
  if (s.inner == 1) {
    const T top = row_maximum(s.classes, row.x);
    row.normaliser[0] = top;
    row.normaliser[1] = static_cast<T>(std::log(exp_row<T, false, true>(s.classes, row.x, top, nullptr)));
  } else {
    for (index_t i = 0; i < columns; i += lanes<T>) {
      const index_t width = columns - i < lanes<T> ? columns - i : lanes<T>;
      const T* x = row.x + i;
      Vec<T> top = load_some<T>(x, width), sum{};
      for (index_t c = 1; c < s.classes; ++c) top = vmax(top, load_some<T>(x + c * s.inner, width));
      for (index_t c = 0; c < s.classes; ++c) sum = sum + exp(load_some<T>(x + c * s.inner, width) - top);
      const Vec<T> log_sum = log(sum);
      for (index_t k = 0; k < width; ++k) {
        row.normaliser[2 * (i + k)] = top[k];
        row.normaliser[2 * (i + k) + 1] = log_sum[k];
      }
    }
  }
  for (index_t i = 0; i < columns; ++i)
    row.loss[i] = position_loss(s, p, row.x + i, row.target[i], row.normaliser[2 * i], row.normaliser[2 * i + 1]);
}

template <class T>
void cross_entropy_strip_gradient(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, double total_weight,
                                  const CrossEntropyRowGradient<T>& row, index_t columns) {
  const double even = p.smoothing / static_cast<double>(s.classes);
  // dx_c = share * p_c - even_share * w_c, and at the target also - at_target.
  for (index_t i = 0; i < columns; i += lanes<T>) {
    const index_t width = columns - i < lanes<T> ? columns - i : lanes<T>;
    Vec<T> top{}, log_sum{}, share{}, even_share{};
    alignas(LIMN_VECTOR_BYTES) T at_target[lanes<T>] = {};
    for (index_t k = 0; k < width; ++k) {
      const std::int64_t t = row.target[i + k];
      top[k] = row.normaliser[2 * (i + k)];
      log_sum[k] = row.normaliser[2 * (i + k) + 1];
      if (t == p.ignore_index) continue;
      const double d = static_cast<double>(row.dloss[(i + k) * row.dloss_step]),
                   w = (1 - p.smoothing) * (p.weight ? static_cast<double>(p.weight[t]) : 1.0);
      share[k] = static_cast<T>(d * (w + even * total_weight));
      even_share[k] = static_cast<T>(d * even);
      at_target[k] = static_cast<T>(d * w);
    }
    if (s.inner == 1) {
      const Vec<T> tops = broadcast<T>(top[0]), log_sums = broadcast<T>(log_sum[0]), shares = broadcast<T>(share[0]),
                   evens = broadcast<T>(even_share[0]);
      for (index_t c = 0; c < s.classes; c += lanes<T>) {
        const index_t count = s.classes - c < lanes<T> ? s.classes - c : lanes<T>;
        const Vec<T> w = p.weight ? load_some<T>(p.weight + c, count) : broadcast<T>(T(1));
        const Vec<T> probability = exp((load_some<T>(row.x + c, count) - tops) - log_sums);
        store_some<T>(row.dx + c, shares * probability - evens * w, count);
      }
    } else {
      for (index_t c = 0; c < s.classes; ++c) {
        const Vec<T> w = broadcast<T>(p.weight ? p.weight[c] : T(1));
        const Vec<T> probability = exp((load_some<T>(row.x + i + c * s.inner, width) - top) - log_sum);
        store_some<T>(row.dx + i + c * s.inner, share * probability - even_share * w, width);
      }
    }
    for (index_t k = 0; k < width; ++k) {
      const std::int64_t t = row.target[i + k];
      if (t != p.ignore_index)
        row.dx[i + k + t * s.inner] -= at_target[k];
      else  // not 0 * NaN
        for (index_t c = 0; c < s.classes; ++c) row.dx[i + k + c * s.inner] = T(0);
    }
  }
}

/// Loss and gradient of one strip. A plain row computes exp once: it becomes the gradient by a factor.
template <class T>
void cross_entropy_strip_both(const CrossEntropyShape& s, const CrossEntropyParameters<T>& p, double total_weight,
                              const CrossEntropyRow<T>& row, const CrossEntropyRowGradient<T>& gradient,
                              index_t columns) {
  if (s.inner > 1 || p.weight || p.smoothing > 0 || row.target[0] == p.ignore_index) {
    cross_entropy_strip(s, p, row, columns);
    return cross_entropy_strip_gradient(s, p, total_weight, gradient, columns);
  }
  T* dx = gradient.dx;
  const T top = row_maximum(s.classes, row.x);
  const double sum = exp_row<T, true, true>(s.classes, row.x, top, dx), dloss = static_cast<double>(gradient.dloss[0]);
  row.normaliser[0] = top;
  row.normaliser[1] = static_cast<T>(std::log(sum));
  row.loss[0] = position_loss(s, p, row.x, row.target[0], top, row.normaliser[1]);
  const Vec<T> scale = broadcast<T>(static_cast<T>(dloss / sum));
  index_t i = 0;
  for (; i + lanes<T> <= s.classes; i += lanes<T>) store<T>(dx + i, load<T>(dx + i) * scale);
  if (i < s.classes) store_first<T>(dx + i, load_first<T>(dx + i, s.classes - i) * scale, s.classes - i);
  dx[row.target[0]] -= gradient.dloss[0];
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

// The loops of norm.hpp for one instruction set. Sums run in short blocks of T, joined in double (LongSum of
// softmax.inl).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// Subtracts a double mean from vectors of T without losing its low part.
template <class T>
struct Centre {
  Vec<T> high, low;
  LIMN_INLINE explicit Centre(double mean) {
    const T rounded = static_cast<T>(mean);
    high = broadcast<T>(rounded);
    low = broadcast<T>(static_cast<T>(mean - static_cast<double>(rounded)));
  }
  LIMN_INLINE Vec<T> operator()(Vec<T> x) const { return (x - high) - low; }
};

/// Adds term(x) over x[0..n), whole vectors, to the sum: four vectors of partial sums, joined in double every
/// softmax_block vectors. What is behind the last whole vector is left to the caller; returns where that begins.
template <class T, class Term>
LIMN_INLINE index_t add_terms(index_t n, const T* x, const Term& term, double& sum) {
  index_t i = 0;
  while (i + lanes<T> <= n) {
    const index_t left = (n - i) / lanes<T>, until = i + (left < softmax_block ? left : softmax_block) * lanes<T>;
    Vec<T> part[4] = {};
    for (; i + 4 * lanes<T> <= until; i += 4 * lanes<T>)
#pragma GCC unroll 4
      for (index_t g = 0; g < 4; ++g) part[g] += term(load<T>(x + i + g * lanes<T>));
    for (; i < until; i += lanes<T>) part[0] += term(load<T>(x + i));
    sum += static_cast<double>(reduce_add<T>((part[0] + part[1]) + (part[2] + part[3])));
  }
  return i;
}
struct TermItself {
  template <class V>
  LIMN_INLINE V operator()(V x) const {
    return x;
  }
};
template <class T>
struct TermSquare {
  Centre<T> centre;
  LIMN_INLINE Vec<T> operator()(Vec<T> x) const {
    const Vec<T> d = centre(x);
    return d * d;
  }
};

/// Adds x[0..n) to the sum.
template <class T>
void add_span(index_t n, const T* x, double& sum) {
  for (index_t i = add_terms<T>(n, x, TermItself(), sum); i < n; ++i) sum += static_cast<double>(x[i]);
}

/// Adds (x - mean)^2 to the sum.
template <class T>
void add_span_squares(index_t n, const T* x, double mean, double& sum) {
  for (index_t i = add_terms<T>(n, x, TermSquare<T>{Centre<T>(mean)}, sum); i < n; ++i) {
    const double d = static_cast<double>(x[i]) - mean;
    sum += d * d;
  }
}

/// y = (x - mean) rstd * w + b for vectors w, b of the row (w_step = lanes) or one for all (w_step = 0).
template <class T>
void normalise_span(index_t n, const T* x, double mean, double rstd, const T* w, const T* b, T* y) {
  const Centre<T> centre(mean);
  const Vec<T> scale = broadcast<T>(static_cast<T>(rstd));
  for (index_t i = 0; i < n; i += lanes<T>) {
    const index_t count = n - i < lanes<T> ? n - i : lanes<T>;
    Vec<T> v = centre(load_some<T>(x + i, count)) * scale;
    if (w) v = v * load_some<T>(w + i, count);
    if (b) v = v + load_some<T>(b + i, count);
    store_some<T>(y + i, v, count);
  }
}

/// y = (x - mean) scale + shift.
template <class T>
void affine_span(index_t n, const T* x, double mean, double scale, double shift, T* y) {
  const Centre<T> centre(mean);
  const Vec<T> scales = broadcast<T>(static_cast<T>(scale)), shifts = broadcast<T>(static_cast<T>(shift));
  for (index_t i = 0; i < n; i += lanes<T>) {
    const index_t count = n - i < lanes<T> ? n - i : lanes<T>;
    store_some<T>(y + i, centre(load_some<T>(x + i, count)) * scales + shifts, count);
  }
}

/// Adds g and g * xhat to the two sums, g = dy w (w null: dy); where given, also dy xhat to dw and dy to db, element by
/// element.
template <class T>
void add_span_gradients(index_t n, const T* x, const T* w, double mean, double rstd, const T* dy, T* dw, T* db,
                        double& sum, double& dot) {
  const Centre<T> centre(mean);
  const Vec<T> scale = broadcast<T>(static_cast<T>(rstd));
  LongSum<T> sums, dots;
  for (index_t i = 0; i < n; i += lanes<T>) {
    const index_t count = n - i < lanes<T> ? n - i : lanes<T>;
    // Lanes beyond the end: dy = 0 there, so that they add nothing.
    const Vec<T> d = load_some<T>(dy + i, count), xhat = centre(load_some<T>(x + i, count)) * scale;
    const Vec<T> g = w ? d * load_some<T>(w + i, count) : d;
    sums.add(g);
    dots.add(g * xhat);
    if (dw) store_some<T>(dw + i, load_some<T>(dw + i, count) + d * xhat, count);
    if (db) store_some<T>(db + i, load_some<T>(db + i, count) + d, count);
  }
  sums.flush();
  dots.flush();
  sum += sums.total;
  dot += dots.total;
}

/// dx = factor (dy w - mean_g - xhat mean_dot).
template <class T>
void span_gradient(index_t n, const T* x, const T* w, double mean, double rstd, const T* dy, double factor,
                   double mean_g, double mean_dot, T* dx) {
  const Centre<T> centre(mean);
  const Vec<T> scale = broadcast<T>(static_cast<T>(rstd)), factors = broadcast<T>(static_cast<T>(factor));
  const Vec<T> shift = broadcast<T>(static_cast<T>(mean_g)), slope = broadcast<T>(static_cast<T>(mean_dot));
  for (index_t i = 0; i < n; i += lanes<T>) {
    const index_t count = n - i < lanes<T> ? n - i : lanes<T>;
    const Vec<T> d = load_some<T>(dy + i, count), xhat = centre(load_some<T>(x + i, count)) * scale;
    const Vec<T> g = w ? d * load_some<T>(w + i, count) : d;
    store_some<T>(dx + i, factors * ((g - shift) - xhat * slope), count);
  }
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

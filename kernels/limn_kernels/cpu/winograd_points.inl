// The one-dimensional transforms of winograd.hpp for one instruction set: B^T d, A^T m, G g of
// docs/kernels/winograd.md, and for the weight gradient their transposes A y and G^T u. The two-dimensional ones are
// these on rows, then on columns.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// F(4, 3) at the points 0, +-p, +-q, infinity with p = 5/8, q = 3/2.
struct Points4 {
  static constexpr float p = 0.625f, q = 1.5f, p2 = p * p, q2 = q * q, p3 = p2 * p, q3 = q2 * q;
};

LIMN_INLINE void winograd_input(Winograd4, const Vec<float>* d, Vec<float>* v) {
  using P = Points4;
  const Vec<float> even_p = d[4] - P::q2 * d[2], odd_p = d[3] - P::q2 * d[1];
  const Vec<float> even_q = d[4] - P::p2 * d[2], odd_q = d[3] - P::p2 * d[1];
  v[0] = P::p2 * P::q2 * d[0] + (d[4] - (P::p2 + P::q2) * d[2]);
  v[1] = even_p + P::p * odd_p;
  v[2] = even_p - P::p * odd_p;
  v[3] = even_q + P::q * odd_q;
  v[4] = even_q - P::q * odd_q;
  v[5] = P::p2 * P::q2 * d[1] + (d[5] - (P::p2 + P::q2) * d[3]);
}
LIMN_INLINE void winograd_output(Winograd4, const Vec<float>* m, Vec<float>* y) {
  using P = Points4;
  const Vec<float> sum_p = m[1] + m[2], difference_p = m[1] - m[2], sum_q = m[3] + m[4], difference_q = m[3] - m[4];
  y[0] = m[0] + sum_p + sum_q;
  y[1] = P::p * difference_p + P::q * difference_q;
  y[2] = P::p2 * sum_p + P::q2 * sum_q;
  y[3] = P::p3 * difference_p + (P::q3 * difference_q + m[5]);
}
/// The transpose of winograd_output: of the gradient.
LIMN_INLINE void winograd_spread(Winograd4, const Vec<float>* y, Vec<float>* m) {
  using P = Points4;
  const Vec<float> even_p = y[0] + P::p2 * y[2], odd_p = P::p * y[1] + P::p3 * y[3];
  const Vec<float> even_q = y[0] + P::q2 * y[2], odd_q = P::q * y[1] + P::q3 * y[3];
  m[0] = y[0];
  m[1] = even_p + odd_p;
  m[2] = even_p - odd_p;
  m[3] = even_q + odd_q;
  m[4] = even_q - odd_q;
  m[5] = y[3];
}
struct Scale4 {  // 1 / product of the differences of a point to the others
  static constexpr float zero = 1 / (Points4::p2 * Points4::q2),
                         p = 1 / (2 * Points4::p2 * (Points4::p2 - Points4::q2)),
                         q = 1 / (2 * Points4::q2 * (Points4::q2 - Points4::p2));
};
LIMN_INLINE void winograd_weight(Winograd4, const Vec<float>* g, Vec<float>* u) {
  using P = Points4;
  const Vec<float> even_p = g[0] + P::p2 * g[2], odd_p = P::p * g[1];
  const Vec<float> even_q = g[0] + P::q2 * g[2], odd_q = P::q * g[1];
  u[0] = Scale4::zero * g[0];
  u[1] = Scale4::p * (even_p + odd_p);
  u[2] = Scale4::p * (even_p - odd_p);
  u[3] = Scale4::q * (even_q + odd_q);
  u[4] = Scale4::q * (even_q - odd_q);
  u[5] = g[2];
}
/// The transpose of winograd_weight.
LIMN_INLINE void winograd_collect(Winograd4, const Vec<float>* u, Vec<float>* g) {
  using P = Points4;
  const Vec<float> sum_p = Scale4::p * (u[1] + u[2]), difference_p = Scale4::p * (u[1] - u[2]);
  const Vec<float> sum_q = Scale4::q * (u[3] + u[4]), difference_q = Scale4::q * (u[3] - u[4]);
  g[0] = Scale4::zero * u[0] + (sum_p + sum_q);
  g[1] = P::p * difference_p + P::q * difference_q;
  g[2] = P::p2 * sum_p + (P::q2 * sum_q + u[5]);
}

/// F(6, 3) at the points 0, +-1, +-2, +-1/2, infinity.
LIMN_INLINE void winograd_input(Winograd6, const Vec<float>* d, Vec<float>* v) {
  const Vec<float> even_1 = d[2] + d[6] - 4.25f * d[4], odd_1 = d[1] + d[5] - 4.25f * d[3];
  const Vec<float> even_2 = d[6] + 0.25f * d[2] - 1.25f * d[4], odd_2 = 0.5f * d[1] - 2.5f * d[3] + 2.f * d[5];
  const Vec<float> even_h = d[6] + 4.f * (d[2] - 1.25f * d[4]), odd_h = 2.f * d[1] - 2.5f * d[3] + 0.5f * d[5];
  v[0] = d[0] - d[6] + 5.25f * (d[4] - d[2]);
  v[1] = even_1 + odd_1;
  v[2] = even_1 - odd_1;
  v[3] = even_2 + odd_2;
  v[4] = even_2 - odd_2;
  v[5] = even_h + odd_h;
  v[6] = even_h - odd_h;
  v[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
}
LIMN_INLINE void winograd_output(Winograd6, const Vec<float>* m, Vec<float>* y) {
  const Vec<float> s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4], sh = m[5] + m[6],
                   dh = m[5] - m[6];
  y[0] = m[0] + s1 + (s2 + 32.f * sh);
  y[1] = d1 + 2.f * d2 + 16.f * dh;
  y[2] = s1 + 4.f * s2 + 8.f * sh;
  y[3] = d1 + 8.f * d2 + 4.f * dh;
  y[4] = s1 + 16.f * s2 + 2.f * sh;
  y[5] = m[7] + d1 + (32.f * d2 + dh);
}
LIMN_INLINE void winograd_weight(Winograd6, const Vec<float>* g, Vec<float>* u) {
  const Vec<float> even_1 = g[0] + g[2], even_2 = g[0] + 4.f * g[2], even_h = g[0] + 0.25f * g[2];
  u[0] = g[0];
  u[1] = (-2.f / 9) * (even_1 + g[1]);
  u[2] = (-2.f / 9) * (even_1 - g[1]);
  u[3] = (1.f / 90) * (even_2 + 2.f * g[1]);
  u[4] = (1.f / 90) * (even_2 - 2.f * g[1]);
  u[5] = (1.f / 45) * (even_h + 0.5f * g[1]);
  u[6] = (1.f / 45) * (even_h - 0.5f * g[1]);
  u[7] = g[2];
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

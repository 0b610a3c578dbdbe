// The inner loops of conv2d_panels.hpp for one instruction set.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA {

/// One panel: row t of y [k, gemm_columns] from x + offset[t]. Runs: how many there are, whole vectors of x each, whose
/// ends the next one overwrites; 0: `runs`, as long as they say.
template <class T, index_t Runs>
void conv2d_pack_panel(index_t k, const index_t* offset, const PanelRun* run, index_t runs, const T* x, T* y) {
  for (index_t t = 0; t < k; ++t, y += gemm_columns<T>) {
    const T* from = x + offset[t];
    if constexpr (Runs > 0)
      LIMN_UNROLLED for (index_t i = 0; i < Runs; ++i) store<T>(y + run[i].column, load<T>(from + run[i].from));
    else
      for (index_t i = 0; i < runs; ++i)
        store_first<T>(y + run[i].column, load_first<T>(from + run[i].from, run[i].count), run[i].count);
  }
}

/// Panels [columns / gemm_columns][k, gemm_columns] of the pixels that `run` says; the last one's idle columns are
/// zeros. `exactly`: nothing is read beyond a run; else a vector behind the last panel may be written.
template <class T>
void conv2d_pack_panels(index_t columns, index_t k, const index_t* offset, const PanelRun* run, const index_t* first,
                        bool exactly, const T* x, T* y) {
  constexpr index_t width = gemm_columns<T>;
  for (index_t p = 0; p * width < columns; ++p) {
    const PanelRun* of = run + first[p];
    const index_t runs = first[p + 1] - first[p];
    T* to = y + p * width * k;
    const bool whole = (p + 1) * width <= columns;
    if (!whole) std::memset(to, 0, static_cast<std::size_t>(width * k) * sizeof(T));
    if (whole && runs == 2)
      conv2d_pack_panel<T, 2>(k, offset, of, runs, x, to);
    else if (whole && runs == 3 && !exactly)
      conv2d_pack_panel<T, 3>(k, offset, of, runs, x, to);
    else if (whole && runs == 4 && !exactly)
      conv2d_pack_panel<T, 4>(k, offset, of, runs, x, to);
    else
      conv2d_pack_panel<T, 0>(k, offset, of, runs, x, to);
  }
}

/// y [pixels, k], the patches of the pixels that `run` begins with, one after another.
template <class T>
void conv2d_pack_dots(index_t pixels, index_t k, const index_t* offset, const PanelRun* run, const T* x, T* y) {
  for (index_t j = 0, i = 0; j < pixels; ++run, i = 0)
    for (; i < run->count && j < pixels; ++i, ++j)
      for (index_t t = 0; t < k; ++t) y[j * k + t] = x[offset[t] + run->from + i];
}

}  // namespace limn::inline LIMN_ABI::kernels::cpu::LIMN_ISA
#pragma GCC diagnostic pop

#pragma once
// Many results of many terms each: the engine of reduce.cuh and accumulate.cuh. Terms are joined in accumulator_t, in
// an order that depends on the shape alone.

#include <limn_kernels/cuda/launch.cuh>
#include <limn_kernels/cuda/reduce_block.cuh>
#include <limn_kernels/cuda/scratch.cuh>
#include <limn_kernels/cuda/walk.cuh>
#include <limn_kernels/reduce.hpp>

namespace limn::inline LIMN_ABI::kernels::cuda {

/// Result r joins the terms x[results(r) + terms(t)], t = 0, 1, ..., and goes to y[target(r)].
struct Reduction {
  Walk results, terms, target;
};

/// The terms of a result cut in `parts` runs of `length`, each a job of its own: job result * parts + part.
struct Parts {
  index_t results, terms, parts, length;
};

inline constexpr unsigned reduce_threads = 256;
inline constexpr index_t reduce_few = 16;        // so many terms are one thread's
inline constexpr index_t reduce_enough = 65536;  // so many results keep a GPU busy with a thread each

template <bool accumulate, class A, class Y>
__device__ void put_result(Y* y, A value) {
  if constexpr (accumulate)
    *y = static_cast<Y>(static_cast<A>(*y) + value);
  else
    *y = static_cast<Y>(value);
}

/// The terms first, first + step, ... below end, joined; four loads are under way at a time.
template <class Op, class A, class X>
__device__ A join_terms(const Walk& terms, const X* from, index_t first, index_t end, index_t step) {
  constexpr A start = neutral<Op, A>();
  A value = start;
  index_t t = first;
  for (; end - t > 3 * step; t += 4 * step) {
    const A a = static_cast<A>(from[terms.at(t)]), b = static_cast<A>(from[terms.at(t + step)]);
    const A c = static_cast<A>(from[terms.at(t + 2 * step)]), d = static_cast<A>(from[terms.at(t + 3 * step)]);
    value = evaluate(Op{}, value, evaluate(Op{}, evaluate(Op{}, a, b), evaluate(Op{}, c, d)));
  }
  for (; t < end; t += step) value = evaluate(Op{}, value, static_cast<A>(from[terms.at(t)]));
  return value;
}

/// A thread a result. For few terms, and where neighbouring results are neighbours in x.
template <class Op, bool accumulate, class X, class Y>
__global__ void reduce_by_thread_kernel(Reduction s, Parts p, const X* x, Y* y) {
  using A = accumulator_t<Op, X>;
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t r = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; r < p.results; r += step) {
    const A value = join_terms<Op, A>(s.terms, x + s.results.at(r), 0, p.terms, 1);
    put_result<accumulate>(y + s.target.at(r), value);
  }
}

/// A block a job. For terms that are neighbours in x.
template <class Op, bool accumulate, class X, class Y>
__global__ void reduce_by_block_kernel(Reduction s, Parts p, const X* x, Y* y) {
  using A = accumulator_t<Op, X>;
  for (index_t job = blockIdx.x; job < p.results * p.parts; job += gridDim.x) {
    const index_t first = job % p.parts * p.length;
    const index_t end = first + p.length < p.terms ? first + p.length : p.terms;
    A value = join_terms<Op, A>(s.terms, x + s.results.at(job / p.parts), first + threadIdx.x, end, blockDim.x);
    value = reduce_block<Op>(value);
    if (threadIdx.x == 0) put_result<accumulate>(y + s.target.at(job), value);
  }
}

/// A block for one part of 32 results, a warp for every eighth term of it. For neighbouring results.
template <class Op, bool accumulate, class X, class Y>
__global__ void reduce_columns_kernel(Reduction s, Parts p, const X* x, Y* y) {
  using A = accumulator_t<Op, X>;
  constexpr unsigned warps = reduce_threads / 32;
  __shared__ A of_warp[warps][32];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (index_t job = blockIdx.x; job < (p.results + 31) / 32 * p.parts; job += gridDim.x) {
    const index_t result = job / p.parts * 32 + lane, part = job % p.parts, first = part * p.length;
    const index_t end = first + p.length < p.terms ? first + p.length : p.terms;
    constexpr A start = neutral<Op, A>();
    A value = start;
    if (result < p.results) value = join_terms<Op, A>(s.terms, x + s.results.at(result), first + warp, end, warps);
    __syncthreads();  // the readers of the job before are done with of_warp
    of_warp[warp][lane] = value;
    __syncthreads();
    if (warp != 0 || result >= p.results) continue;
    for (unsigned w = 1; w < warps; ++w) value = evaluate(Op{}, value, of_warp[w][lane]);
    put_result<accumulate>(y + s.target.at(result * p.parts + part), value);
  }
}

/// In how many parts `terms` are cut where `blocks` of one part each would leave a GPU idle.
[[nodiscard]] inline Parts cut_terms(index_t results, index_t terms, index_t blocks, index_t shortest) {
  const index_t wanted = 512 / blocks, possible = terms / shortest, parts = wanted < possible ? wanted : possible;
  if (parts <= 1) return {results, terms, 1, terms};
  const index_t length = (terms + parts - 1) / parts;
  return {results, terms, (terms + length - 1) / length, length};
}

/// y[target(r)] = terms of r joined by Op, or that added to it (accumulate).
template <class Op, bool accumulate, class X, class Y>
void run_reduction(const char* name, const Reduction& s, const X* x, Y* y) {
  using A = accumulator_t<Op, X>;
  const index_t results = s.results.numel(), terms = s.terms.numel(), tiles = (results + 31) / 32;
  if (results == 0) return;
  const bool rows = s.terms.last_stride() == 1;
  if (terms <= reduce_few || (!rows && results >= reduce_enough))
    return launch(name, reduce_by_thread_kernel<Op, accumulate, X, Y>, blocks_for(results, reduce_threads),
                  reduce_threads, s, Parts{results, terms, 1, terms}, x, y);

  const Parts p = rows ? cut_terms(results, terms, results, 8192) : cut_terms(results, terms, tiles, 256);
  const auto start = [&](auto kernel_of_blocks, auto kernel_of_columns, const Reduction& shape, auto* to) {
    if (rows)
      launch(name, kernel_of_blocks, blocks_for(results * p.parts, 1), terms <= 512 ? 32U : reduce_threads, shape, p, x,
             to);
    else
      launch(name, kernel_of_columns, blocks_for(tiles * p.parts, 1), reduce_threads, shape, p, x, to);
  };
  if (p.parts == 1)
    return start(reduce_by_block_kernel<Op, accumulate, X, Y>, reduce_columns_kernel<Op, accumulate, X, Y>, s, y);

  const Scratch<A> partial(results * p.parts);  // [results, parts]
  const auto contiguous = [](index_t count, index_t stride) {
    return Walk(StridedShape{.rank = 1, .extents = {count}, .strides = {stride}});
  };
  start(reduce_by_block_kernel<Op, false, X, A>, reduce_columns_kernel<Op, false, X, A>,
        {s.results, s.terms, contiguous(results * p.parts, 1)}, partial.data());
  run_reduction<Op, accumulate>(name, {contiguous(results, p.parts), contiguous(p.parts, 1), s.target},
                                static_cast<const A*>(partial.data()), y);
}

}  // namespace limn::inline LIMN_ABI::kernels::cuda

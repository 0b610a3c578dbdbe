// Normalisation of rows and of channels on the GPU, against plain loops in double.

#include <limn_kernels/norm.hpp>

#include <cuda/expect.hpp>

namespace limn::test {
namespace {

using kernels::ChannelNormShape;
using kernels::RowNormShape;

struct Moments {
  std::vector<double> mean, variance, rstd;
};
struct Gradients {
  std::vector<double> dx, dw, db;
};

/// One group of elements that are normalised together: their positions, and of each the position of its w and b.
struct Group {
  std::vector<std::size_t> at, parameter;
};
std::vector<Group> groups_of(const RowNormShape& s) {
  std::vector<Group> groups(static_cast<std::size_t>(s.rows));
  for (index_t i = 0; i < s.rows * s.length; ++i) {
    groups[static_cast<std::size_t>(i / s.length)].at.push_back(static_cast<std::size_t>(i));
    groups[static_cast<std::size_t>(i / s.length)].parameter.push_back(static_cast<std::size_t>(i % s.length));
  }
  return groups;
}
std::vector<Group> groups_of(const ChannelNormShape& s) {
  std::vector<Group> groups(static_cast<std::size_t>(s.channels));
  for (index_t i = 0; i < s.batch * s.channels * s.inner; ++i) {
    const auto channel = static_cast<std::size_t>(i / s.inner % s.channels);
    groups[channel].at.push_back(static_cast<std::size_t>(i));
    groups[channel].parameter.push_back(channel);
  }
  return groups;
}

Moments moments_of(const std::vector<Group>& groups, const std::vector<double>& x, double eps) {
  Moments m;
  for (const Group& group : groups) {
    const auto count = static_cast<double>(group.at.size());
    double sum = 0, squares = 0;
    for (const std::size_t at : group.at) sum += x[at];
    for (const std::size_t at : group.at) squares += (x[at] - sum / count) * (x[at] - sum / count);
    m.mean.push_back(sum / count);
    m.variance.push_back(squares / count);
    m.rstd.push_back(1 / std::sqrt(squares / count + eps));
  }
  return m;
}

std::vector<double> normalised(const std::vector<Group>& groups, const std::vector<double>& x, const Moments& m,
                               const std::vector<double>& w, const std::vector<double>& b) {
  std::vector<double> y(x.size());
  for (std::size_t g = 0; g < groups.size(); ++g)
    for (std::size_t i = 0; i < groups[g].at.size(); ++i) {
      const std::size_t at = groups[g].at[i], p = groups[g].parameter[i];
      y[at] = (x[at] - m.mean[g]) * m.rstd[g] * (w.empty() ? 1 : w[p]) + (b.empty() ? 0 : b[p]);
    }
  return y;
}

Gradients gradients_of(const std::vector<Group>& groups, const std::vector<double>& x, const Moments& m,
                       const std::vector<double>& w, const std::vector<double>& dy, std::size_t parameters,
                       bool constant) {
  Gradients result{std::vector<double>(x.size()), std::vector<double>(parameters), std::vector<double>(parameters)};
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const Group& group = groups[g];
    double sum = 0, dot = 0;
    const auto xhat = [&](std::size_t i) { return (x[group.at[i]] - m.mean[g]) * m.rstd[g]; };
    const auto slope = [&](std::size_t i) { return dy[group.at[i]] * (w.empty() ? 1 : w[group.parameter[i]]); };
    for (std::size_t i = 0; i < group.at.size(); ++i) {
      sum += slope(i);
      dot += slope(i) * xhat(i);
      result.dw[group.parameter[i]] += dy[group.at[i]] * xhat(i);
      result.db[group.parameter[i]] += dy[group.at[i]];
    }
    const double count = constant ? INFINITY : static_cast<double>(group.at.size());
    for (std::size_t i = 0; i < group.at.size(); ++i)
      result.dx[group.at[i]] = m.rstd[g] * (slope(i) - sum / count - xhat(i) * dot / count);
  }
  return result;
}

template <class T>
T* data_or_null(const Buffer<T>& buffer, bool given) {
  return given ? buffer.data() : nullptr;
}

TEST_CASE_TEMPLATE("layer_norm: rows of every length, with and without w and b; its gradients", T, float, double) {
  if (!have_device()) return;
  const double eps = 1e-5;
  for (const RowNormShape& s : {RowNormShape{5, 33}, {3, 1000}, {1, 257}, {4, 1}, {3, 31}, {40, 9}, {0, 8}, {2, 3000}})
    for (const bool affine : {true, false}) {
      const auto groups = groups_of(s);
      const auto x = values(s.rows * s.length, 81), dy = values(s.rows * s.length, 83);
      const auto w = affine ? values(s.length, 85) : std::vector<double>(), b = affine ? values(s.length, 87) : w;
      const Moments m = moments_of(groups, x, eps);
      const Gradients g = gradients_of(groups, x, m, w, dy, static_cast<std::size_t>(s.length), false);
      const Buffer<T> at_x(x), at_w(w), at_b(b), at_dy(dy);
      const Buffer<double> at_mean(m.mean), at_rstd(m.rstd);
      const T *of_w = data_or_null(at_w, affine), *of_b = data_or_null(at_b, affine);
      const std::size_t rows = m.mean.size(), length = static_cast<std::size_t>(s.length);
      // Rows of one element: rstd is 300, and what is left of x - mean is rounding.
      const double close = 16 * tolerance<T>;
      const auto forward = [&](const T* from, T* y, double* mean, double* rstd) {
        cuda::layer_norm_forward<T>(s, eps, from, of_w, of_b, y, mean, rstd);
      };
      expect<T>(normalised(groups, x, m, w, b), close, [&](T* y) {
        const Buffer<double> mean(rows), rstd(rows);
        forward(at_x.data(), y, mean.data(), rstd.data());
      });
      expect<T>(
          normalised(groups, x, m, w, b), close,
          [&](T* y) {  // y may be x
            const Buffer<double> mean(rows), rstd(rows);
            forward(y, y, mean.data(), rstd.data());
          },
          x);
      expect<double>(m.mean, 1e-13, [&](double* mean) {
        const Buffer<T> y(x.size());
        const Buffer<double> rstd(rows);
        forward(at_x.data(), y.data(), mean, rstd.data());
      });
      expect<double>(m.rstd, 1e-12, [&](double* rstd) {
        const Buffer<T> y(x.size());
        const Buffer<double> mean(rows);
        forward(at_x.data(), y.data(), mean.data(), rstd);
      });
      const auto backward = [&](T* dx, T* dw, T* db) {
        cuda::layer_norm_backward<T>(s, at_x.data(), of_w, at_mean.data(), at_rstd.data(), at_dy.data(), dx, dw, db);
      };
      const Buffer<T> dx(x.size()), other(length);
      expect<T>(g.dx, close, [&](T* out) { backward(out, other.data(), other.data()); });
      expect<T>(g.dx, close, [&](T* out) { backward(out, nullptr, nullptr); });
      expect<T>(g.dw, 4 * close, [&](T* out) { backward(dx.data(), out, nullptr); });
      expect<T>(g.db, close, [&](T* out) { backward(dx.data(), nullptr, out); });
      expect<T>(g.db, close, [&](T* out) { backward(dx.data(), other.data(), out); });
    }
}

TEST_CASE_TEMPLATE("layer_norm: dw and db over more rows than there are shares of 8", T, float, double) {
  if (!have_device()) return;
  const RowNormShape s{1100, 3};
  const auto x = values(3300, 103), dy = values(3300, 105);
  const Moments m = moments_of(groups_of(s), x, 1e-2);
  const Gradients g = gradients_of(groups_of(s), x, m, {}, dy, 3, false);
  const Buffer<T> at_x(x), at_dy(dy), dx(3300);
  const Buffer<double> at_mean(m.mean), at_rstd(m.rstd);
  std::vector<double> both = g.dw;
  both.insert(both.end(), g.db.begin(), g.db.end());
  expect<T>(both, 32 * tolerance<T>, [&](T* out) {
    cuda::layer_norm_backward<T>(s, at_x.data(), nullptr, at_mean.data(), at_rstd.data(), at_dy.data(), dx.data(), out,
                                 out + 3);
  });
}

const std::vector<ChannelNormShape> channel_shapes{{4, 3, 33},   {2, 5, 1},    {257, 7, 1}, {1, 1, 1000}, {3, 31, 49},
                                                   {9, 1, 1000}, {2100, 1, 4}, {0, 3, 4},   {2, 0, 3},    {1, 70, 4}};

TEST_CASE_TEMPLATE("channel_moments and batch_norm_forward: short and long channels", T, float, double) {
  if (!have_device()) return;
  for (const ChannelNormShape& s : channel_shapes) {
    if (s.batch == 0) continue;  // no mean
    const auto groups = groups_of(s);
    const auto x = values(s.batch * s.channels * s.inner, 91), w = values(s.channels, 93), b = values(s.channels, 95);
    const Moments m = moments_of(groups, x, 1e-5);
    const Buffer<T> at_x(x), at_w(w), at_b(b);
    const Buffer<double> at_mean(m.mean), at_rstd(m.rstd);
    const Buffer<double> other(m.mean.size());
    const double close = 16 * tolerance<T>;
    expect<double>(m.mean, 1e-13, [&](double* mean) { cuda::channel_moments<T>(s, at_x.data(), mean, other.data()); });
    expect<double>(m.variance, 1e-13,
                   [&](double* variance) { cuda::channel_moments<T>(s, at_x.data(), other.data(), variance); });
    expect<T>(normalised(groups, x, m, w, b), close, [&](T* y) {
      cuda::batch_norm_forward<T>(s, at_x.data(), at_mean.data(), at_rstd.data(), at_w.data(), at_b.data(), y);
    });
    expect<T>(
        normalised(groups, x, m, {}, {}), close,
        [&](T* y) { cuda::batch_norm_forward<T>(s, y, at_mean.data(), at_rstd.data(), nullptr, nullptr, y); }, x);
  }
}

TEST_CASE_TEMPLATE("batch_norm_backward: statistics of x itself, and constant ones", T, float, double) {
  if (!have_device()) return;
  for (const ChannelNormShape& s : channel_shapes)
    for (const bool weighted : {true, false}) {
      const auto groups = groups_of(s);
      const auto x = values(s.batch * s.channels * s.inner, 97), dy = values(s.batch * s.channels * s.inner, 99),
                 w = weighted ? values(s.channels, 93) : std::vector<double>();
      const Moments m = moments_of(groups, x, 1e-2);
      const std::size_t channels = groups.size();
      const Buffer<T> at_x(x), at_w(w), at_dy(dy), dx(x.size()), other(channels);
      const Buffer<double> at_mean(m.mean), at_rstd(m.rstd);
      const T* of_w = data_or_null(at_w, weighted);
      const double close = 16 * tolerance<T>;
      for (const bool constant : {false, true}) {
        const Gradients g = gradients_of(groups, x, m, w, dy, channels, constant);
        const auto backward = [&](T* to, T* dw, T* db) {
          const auto run = constant ? cuda::batch_norm_backward_constant<T> : cuda::batch_norm_backward<T>;
          run(s, at_x.data(), at_mean.data(), at_rstd.data(), of_w, at_dy.data(), to, dw, db);
        };
        expect<T>(g.dx, close, [&](T* out) { backward(out, other.data(), other.data()); });
        expect<T>(g.dx, close, [&](T* out) { backward(out, nullptr, nullptr); });
        if (s.batch == 0) continue;
        expect<T>(g.dw, close, [&](T* out) { backward(dx.data(), out, nullptr); });
        expect<T>(g.db, close, [&](T* out) { backward(dx.data(), nullptr, out); });
      }
    }
}

TEST_CASE("layer_norm and channel_moments: a mean of 10^4 beside a deviation of 10^-2") {
  if (!have_device()) return;
  std::vector<double> x = values(1000, 101);
  for (double& v : x) v = static_cast<double>(static_cast<float>(10000 + v / 100));
  const auto groups = groups_of(RowNormShape{1, 1000});
  const Moments m = moments_of(groups, x, 1e-5);
  const Buffer<float> at_x(x);
  const Buffer<double> mean(1), rstd(1);
  expect<float>(normalised(groups, x, m, {}, {}), 1e-5, [&](float* y) {
    cuda::layer_norm_forward<float>({1, 1000}, 1e-5, at_x.data(), nullptr, nullptr, y, mean.data(), rstd.data());
  });
  expect<double>(m.variance, 1e-9, [&](double* variance) {
    cuda::channel_moments<float>({1, 1, 1000}, at_x.data(), mean.data(), variance);
  });
}

}  // namespace
}  // namespace limn::test

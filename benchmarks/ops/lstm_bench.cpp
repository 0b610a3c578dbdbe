// One LSTM layer over whole sequences: forward for inference, forward that keeps what the backward needs, backward,
// both.

#include <limn/core/create.hpp>
#include <limn/core/random.hpp>
#include <limn_kernels/lstm.hpp>

#include "../opponents/opponent.hpp"

using namespace limn;

namespace bench {
namespace {

enum class What { inference, training, backward, both };
constexpr const char* names[] = {"inference", "training", "backward", "both"};

struct Layer {
  kernels::RecurrentShape shape;
  Tensor<float> x, w_ih, w_hh, b_ih, b_hh, h, c, gates, dh, dx, dw_ih, dw_hh, db;
  std::unique_ptr<const kernels::PackedRecurrent<float>> packed;  // as nn::prepack() leaves weights, for inference

  explicit Layer(const kernels::RecurrentShape& s) : shape(s) {
    const index_t steps = s.time, hidden = s.hidden, batch = s.batch, inputs = s.input;
    Generator generator(1);
    x = uniform({steps, batch, inputs}, generator, -1, 1);
    w_ih = uniform({4 * hidden, inputs}, generator, -0.05, 0.05);
    w_hh = uniform({4 * hidden, hidden}, generator, -0.05, 0.05);
    b_ih = uniform({4 * hidden}, generator, -0.05, 0.05);
    b_hh = full({4 * hidden}, 0);
    h = Tensor<float>({steps, batch, hidden});
    c = Tensor<float>({steps, batch, hidden});
    gates = Tensor<float>({steps, batch, 4 * hidden});
    dh = uniform({steps, batch, hidden}, generator, -1, 1);
    dx = Tensor<float>(x.shape());
    dw_ih = Tensor<float>(w_ih.shape());
    dw_hh = Tensor<float>(w_hh.shape());
    db = Tensor<float>(b_ih.shape());
    packed =
        std::make_unique<const kernels::PackedRecurrent<float>>(4, hidden, inputs, hidden, w_ih.data(), w_hh.data());
  }
  [[nodiscard]] kernels::LstmInputs<float> in() const {
    return {.x = x.data(), .w_ih = w_ih.data(), .w_hh = w_hh.data(), .b_ih = b_ih.data(), .b_hh = b_hh.data()};
  }
  void forward(bool training) const {
    kernels::LstmInputs<float> inputs = in();
    if (!training) inputs.packed = packed.get();
    kernels::lstm_forward(cpu_device, shape, inputs, {h.data(), c.data(), training ? gates.data() : nullptr});
  }
  void backward() const {
    const kernels::LstmGradients<float> gradients{
        .dx = dx.data(), .dw_ih = dw_ih.data(), .dw_hh = dw_hh.data(), .db = db.data()};
    kernels::lstm_backward<float>(cpu_device, shape, in(), {h.data(), c.data(), gates.data()}, dh.data(), nullptr,
                                  gradients);
  }
  [[nodiscard]] LstmOperands operands() {
    return {x.data(),  w_ih.data(), w_hh.data(),  b_ih.data(),  h.data(),
            dh.data(), dx.data(),   dw_ih.data(), dw_hh.data(), db.data()};
  }

  /// Hidden states or, with `gradient`, the gradient of x, of the first sequence of the batch in double.
  [[nodiscard]] double error(bool gradient) const {
    const index_t steps = shape.time, batch = shape.batch, in_width = shape.input, width = shape.hidden;
    const auto at = [](index_t i) { return static_cast<std::size_t>(i); };
    std::vector<double> act(at(steps * 4 * width)), cell(at((steps + 1) * width)), state(at((steps + 1) * width));
    for (index_t t = 0; t < steps; ++t)
      for (index_t u = 0; u < width; ++u) {
        double z[4];
        for (index_t gate = 0; gate < 4; ++gate) {
          const index_t row = gate * width + u;
          z[gate] = b_ih.data()[row];
          for (index_t i = 0; i < in_width; ++i)
            z[gate] += static_cast<double>(w_ih.data()[row * in_width + i]) * x.data()[t * batch * in_width + i];
          for (index_t i = 0; i < width; ++i) z[gate] += w_hh.data()[row * width + i] * state[at(t * width + i)];
          z[gate] = gate == 2 ? std::tanh(z[gate]) : 1 / (1 + std::exp(-z[gate]));
          act[at((t * 4 + gate) * width + u)] = z[gate];
        }
        cell[at((t + 1) * width + u)] = z[1] * cell[at(t * width + u)] + z[0] * z[2];
        state[at((t + 1) * width + u)] = z[3] * std::tanh(cell[at((t + 1) * width + u)]);
      }
    std::vector<double> wanted = std::vector<double>(state.begin() + width, state.end());
    if (gradient) {
      wanted.assign(at(steps * in_width), 0);
      std::vector<double> from_next(at(width)), dc(at(width)), dz(at(4 * width));
      for (index_t t = steps - 1; t >= 0; --t) {
        for (index_t u = 0; u < width; ++u) {
          const double i = act[at(t * 4 * width + u)], f = act[at((t * 4 + 1) * width + u)],
                       g = act[at((t * 4 + 2) * width + u)], o = act[at((t * 4 + 3) * width + u)],
                       c_tanh = std::tanh(cell[at((t + 1) * width + u)]),
                       d = dh.data()[t * batch * width + u] + from_next[at(u)];
          dc[at(u)] += d * o * (1 - c_tanh * c_tanh);
          dz[at(u)] = dc[at(u)] * g * i * (1 - i);
          dz[at(width + u)] = dc[at(u)] * cell[at(t * width + u)] * f * (1 - f);
          dz[at(2 * width + u)] = dc[at(u)] * i * (1 - g * g);
          dz[at(3 * width + u)] = d * c_tanh * o * (1 - o);
          dc[at(u)] *= f;
        }
        from_next.assign(at(width), 0);
        for (index_t row = 0; row < 4 * width; ++row) {
          for (index_t i = 0; i < width; ++i) from_next[at(i)] += dz[at(row)] * w_hh.data()[row * width + i];
          for (index_t i = 0; i < in_width; ++i)
            wanted[at(t * in_width + i)] += dz[at(row)] * w_ih.data()[row * in_width + i];
        }
      }
    }
    const index_t columns = gradient ? in_width : width;
    std::vector<float> got(wanted.size());
    for (index_t t = 0; t < steps; ++t)
      std::copy_n((gradient ? dx : h).data() + t * batch * columns, columns, got.begin() + t * columns);
    return relative_error(
        got.data(), static_cast<long>(got.size()), [&](long i) { return wanted[at(i)]; }, 4000);
  }
};

Contenders duel(const kernels::RecurrentShape& s, What what) {
  const auto l = std::make_shared<Layer>(s);
  const bool gradient = what == What::backward || what == What::both;
  const auto error = [l, gradient] { return l->error(gradient); };
  Contenders all;
  if (what == What::backward) {
    l->forward(true);
    all.push_back(here(
        "limn", [l] { l->backward(); }, error));
  } else {
    all.push_back(here(
        "limn",
        [l, what] {
          l->forward(what != What::inference);
          if (what == What::both) l->backward();
        },
        error));
  }
  if (what != What::both)
    challenge(
        all,
        [&](Opponent& other) {
          const LstmPass pass = what == What::inference  ? LstmPass::inference
                                : what == What::training ? LstmPass::training
                                                         : LstmPass::backward;
          return other.lstm({s.time, s.batch, s.input, s.hidden}, pass, l->operands());
        },
        error);
  if (what != What::backward)
    for (Contender& other : torch("lstm time=" + std::to_string(s.time) + " batch=" + std::to_string(s.batch) +
                                  " input=" + std::to_string(s.input) + " hidden=" + std::to_string(s.hidden) +
                                  " what=" + names[static_cast<int>(what)]))
      all.push_back(other);
  return all;
}

}  // namespace

void cases() {
  const auto add_size = [](index_t steps, index_t batch, index_t hidden, bool quick) {
    const kernels::RecurrentShape s{.time = steps, .batch = batch, .input = 256, .hidden = hidden};
    const double forward = 2.0 * static_cast<double>(steps * batch * 4 * hidden * (s.input + hidden));
    const std::string shape = "T" + std::to_string(steps) + "B" + std::to_string(batch) + "H" + std::to_string(hidden);
    for (const What what : {What::inference, What::training, What::backward, What::both}) {
      const double passes = what == What::both ? 3 : what == What::backward ? 2 : 1;
      add(
          std::string("lstm/") + names[static_cast<int>(what)] + "/" + shape, {.flops = passes * forward},
          [s, what] { return duel(s, what); }, quick && what != What::training);
    }
  };
  for (const index_t hidden : {256, 512})
    for (const index_t batch : {1, 8, 32, 64})
      add_size(20, batch, hidden, hidden == 512 && (batch == 1 || batch == 32));
  add_size(35, 32, 512, false);
}

}  // namespace bench

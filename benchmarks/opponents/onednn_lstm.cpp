// oneDNN's LSTM: one layer, one direction, weights in its own layout, brought there outside the timing. For inference
// its training primitive is a contender too: of one row it is the faster of the two.

#include "onednn.hpp"

#include <cstring>

namespace bench::onednn {

namespace {

std::function<void()> lstm_way(const LstmCase& s, LstmPass pass, bool training_primitive, const LstmOperands& o) {
  using dnnl::lstm_backward;
  using dnnl::lstm_forward;
  const Dims x_dims{s.time, s.batch, s.input}, y_dims{s.time, s.batch, s.hidden}, w_ih_dims{1, 1, s.input, 4, s.hidden},
      w_hh_dims{1, 1, s.hidden, 4, s.hidden}, b_dims{1, 1, 4, s.hidden};
  const dnnl::memory::desc none;
  const auto x_desc = plain(x_dims, Tag::tnc), y_desc = plain(y_dims, Tag::tnc), b_desc = plain(b_dims, Tag::ldgo);
  const auto direction = dnnl::rnn_direction::unidirectional_left2right;
  const auto kind = pass == LstmPass::inference && !training_primitive ? dnnl::prop_kind::forward_inference
                                                                       : dnnl::prop_kind::forward_training;
  const lstm_forward::primitive_desc pd(lstm_forward::desc(kind, direction, x_desc, none, none, any(w_ih_dims),
                                                           any(w_hh_dims), b_desc, y_desc, none, none),
                                        engine());
  // [4H, I] in rows i f g o is [gates, outputs, inputs], which oneDNN (gates i f c o) calls ldgoi.
  const auto plain_ih = view(plain(w_ih_dims, Tag::ldgoi), o.w_ih),
             plain_hh = view(plain(w_hh_dims, Tag::ldgoi), o.w_hh);
  Arguments arguments{{DNNL_ARG_SRC_LAYER, view(x_desc, o.x)},
                      {DNNL_ARG_WEIGHTS_LAYER, brought_to(pd.weights_layer_desc(), plain_ih)},
                      {DNNL_ARG_WEIGHTS_ITER, brought_to(pd.weights_iter_desc(), plain_hh)},
                      {DNNL_ARG_BIAS, view(b_desc, o.bias)},
                      {DNNL_ARG_DST_LAYER, view(y_desc, o.h)}};
  if (kind == dnnl::prop_kind::forward_training)
    arguments[DNNL_ARG_WORKSPACE] = dnnl::memory(pd.workspace_desc(), engine());
  const lstm_forward forward(pd);
  const auto run_forward = [=] {
    forward.execute(stream(), arguments);
    stream().wait();
  };
  if (pass != LstmPass::backward) return run_forward;

  run_forward();
  const lstm_backward::primitive_desc back(
      lstm_backward::desc(dnnl::prop_kind::backward, direction, x_desc, none, none, any(w_ih_dims), any(w_hh_dims),
                          b_desc, y_desc, none, none, x_desc, none, none, any(w_ih_dims), any(w_hh_dims), b_desc,
                          y_desc, none, none),
      engine(), pd);
  Arguments all = arguments;
  all[DNNL_ARG_WEIGHTS_LAYER] = brought_to(back.weights_layer_desc(), plain_ih);
  all[DNNL_ARG_WEIGHTS_ITER] = brought_to(back.weights_iter_desc(), plain_hh);
  all[DNNL_ARG_DIFF_SRC_LAYER] = view(x_desc, o.dx);
  all[DNNL_ARG_DIFF_DST_LAYER] = view(y_desc, o.dh);
  all[DNNL_ARG_DIFF_WEIGHTS_LAYER] = dnnl::memory(back.diff_weights_layer_desc(), engine());
  all[DNNL_ARG_DIFF_WEIGHTS_ITER] = dnnl::memory(back.diff_weights_iter_desc(), engine());
  all[DNNL_ARG_DIFF_BIAS] = view(b_desc, o.db);
  const lstm_backward backward(back);
  // It adds to the weight gradients, which a caller must set to 0 first.
  return [=]() mutable {
    for (const int which : {DNNL_ARG_DIFF_WEIGHTS_LAYER, DNNL_ARG_DIFF_WEIGHTS_ITER, DNNL_ARG_DIFF_BIAS}) {
      auto& memory = all[which];
      std::memset(memory.get_data_handle(), 0, memory.get_desc().get_size());
    }
    backward.execute(stream(), all);
    stream().wait();
  };
}

}  // namespace

Variants lstm(const LstmCase& s, LstmPass pass, const LstmOperands& o) {
  Variants all{{"", lstm_way(s, pass, false, o)}};
  if (pass == LstmPass::inference) all.push_back({"training", lstm_way(s, pass, true, o)});
  return all;
}

}  // namespace bench::onednn

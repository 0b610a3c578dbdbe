// Attention as a look-up: which of eight letters stands at the place that is asked for? The weights show where it
// looked.

#include <cstdlib>
#include <iostream>

#include <limn/limn.hpp>

using namespace limn;

namespace {

constexpr index_t places = 8, alphabet = 12, width = 24;

struct Net {
  nn::Embedding<> letter, place, question;
  nn::Linear<> out;

  explicit Net(Generator& generator)
      : letter(alphabet, width, generator),
        place(places, width, generator),
        question(places, width, generator),
        out(width, alphabet, generator) {}
  template <class V>
  void members(V&& visit) {
    visit("letter", letter);
    visit("place", place);
    visit("question", question);
    visit("out", out);
  }

  /// asked [N] -> weights [N, 1, places]
  Tensor<float> look(const Tensor<std::int64_t>& asked) const {
    const auto query = unsqueeze(question(asked), 1);       // [N, 1, width]
    const auto keys = place(arange<std::int64_t>(places));  // [places, width], for every row alike
    return attention_weights(query, keys);
  }
  /// text [N, places], asked [N] -> scores [N, alphabet]
  Tensor<float> operator()(const Tensor<std::int64_t>& text, const Tensor<std::int64_t>& asked) const {
    const auto seen = matmul(look(asked), letter(text));  // [N, 1, width]
    return out(squeeze(seen, 1));
  }
};

struct Batch {
  Tensor<std::int64_t> text, asked, answer;
};

Batch draw(index_t count, Generator& generator) {
  const auto random = uniform({count, places + 1}, generator);
  Batch batch{Tensor<std::int64_t>({count, places}), Tensor<std::int64_t>({count}), Tensor<std::int64_t>({count})};
  for (index_t n = 0; n < count; ++n) {
    for (index_t i = 0; i < places; ++i)
      batch.text.at({n, i}) = static_cast<std::int64_t>(random.at({n, i}) * alphabet);
    batch.asked.at({n}) = static_cast<std::int64_t>(random.at({n, places}) * places);
    batch.answer.at({n}) = batch.text.at({n, batch.asked.at({n})});
  }
  return batch;
}

}  // namespace

int main() {
  Generator generator(11);
  Net net(generator);
  optim::AdamW adam(nn::parameters(net), {.lr = 0.01});
  for (int step = 1; step <= 300; ++step) {
    const Batch batch = draw(64, generator);
    const auto loss = cross_entropy(net(batch.text, batch.asked), batch.answer);
    adam.zero_grad();
    backward(loss);
    adam.step();
    if (step % 100 == 0) std::cout << "step " << step << ": loss " << loss.item() << '\n';
  }

  const NoGradGuard guard;
  const Batch test = draw(500, generator);
  const double right = mean(cast<float>(argmax(net(test.text, test.asked), 1) == test.answer)).item();
  std::cout << "right answers: " << 100 * right << " %\nwhere each question looks, place by place:\n";
  const auto weights = net.look(arange<std::int64_t>(places));  // [places, 1, places]
  for (index_t q = 0; q < places; ++q) {
    for (index_t i = 0; i < places; ++i) std::cout << (weights.at({q, 0, i}) > 0.5F ? " #" : " .");
    std::cout << '\n';
  }
  return right > 0.95 ? EXIT_SUCCESS : EXIT_FAILURE;
}

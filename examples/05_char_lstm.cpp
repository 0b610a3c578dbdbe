// A character-level LSTM learns a rhyme by heart and says it again from its first letters.

#include <cstdlib>
#include <iostream>
#include <string>

#include <limn/limn.hpp>

using namespace limn;

namespace {

const std::string rhyme =
    "twinkle, twinkle, little star, how i wonder what you are! up above the world so high, like a diamond in the sky. ";

struct Net {
  nn::Embedding<> letters;
  nn::LSTM<> lstm;
  nn::Linear<> out;

  Net(index_t alphabet, Generator& generator)
      : letters(alphabet, 16, generator),
        lstm(16, 64, generator, {.batch_first = true}),
        out(64, alphabet, generator) {}
  template <class V>
  void members(V&& visit) {
    visit("letters", letters);
    visit("lstm", lstm);
    visit("out", out);
  }
};

}  // namespace

int main() {
  // The alphabet is what occurs.
  std::string alphabet;
  for (const char c : rhyme)
    if (alphabet.find(c) == std::string::npos) alphabet += c;
  const auto size = static_cast<index_t>(alphabet.size()), length = static_cast<index_t>(rhyme.size());
  const auto id = [&](char c) { return static_cast<std::int64_t>(alphabet.find(c)); };

  // One sequence: from each letter the next one is to be told.
  Tensor<std::int64_t> text({1, length}), next({1, length});
  for (index_t i = 0; i < length; ++i) {
    text.at({0, i}) = id(rhyme[static_cast<std::size_t>(i)]);
    next.at({0, i}) = id(rhyme[static_cast<std::size_t>((i + 1) % length)]);
  }

  Generator generator(5);
  Net net(size, generator);
  optim::Adam adam(nn::parameters(net), {.lr = 0.01});
  for (int step = 1; step <= 150; ++step) {
    const auto states = net.lstm(net.letters(text)).output;        // [1, length, 64]
    const auto scores = reshape(net.out(states), {length, size});  // one row a letter
    const auto loss = cross_entropy(scores, reshape(next, {length}));
    adam.zero_grad();
    backward(loss);
    optim::clip_grad_norm(nn::parameters(net), 1.0);
    adam.step();
    if (step % 50 == 0) std::cout << "step " << step << ": loss " << loss.item() << '\n';
  }

  // Say it: the states h and c carry what was said.
  const NoGradGuard guard;
  std::string said;
  Tensor<float> h, c;
  for (char letter : std::string("twinkle, t")) {
    const auto state = net.lstm(net.letters(from<std::int64_t>({id(letter)}, {1, 1})), h, c);
    h = state.h, c = state.c;
    said += letter;
  }
  char letter = 't';
  while (said.size() < rhyme.size()) {
    letter = alphabet[static_cast<std::size_t>(argmax(net.out(reshape(h, {1, 64})), 1).at({0}))];
    said += letter;
    const auto state = net.lstm(net.letters(from<std::int64_t>({id(letter)}, {1, 1})), h, c);
    h = state.h, c = state.c;
  }
  std::cout << said << '\n';
  return said == rhyme ? EXIT_SUCCESS : EXIT_FAILURE;
}

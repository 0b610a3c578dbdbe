// What an outside program does first: two tensors, a product, a gradient.
#include <limn/limn.hpp>

int main() {
  auto w = limn::ones<float>(limn::Shape{3, 2});
  w.requires_grad_();
  const auto y = limn::sum(limn::matmul(limn::ones<float>(limn::Shape{4, 3}), w));
  limn::backward(y);
  return y.item() == 24.0F && w.grad().at({0, 0}) == 4.0F ? 0 : 1;
}

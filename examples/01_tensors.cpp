// Tensors: making them, views that share memory, broadcasting, element types.

#include <cstdlib>
#include <iostream>

#include <limn/limn.hpp>

using namespace limn;

namespace {

/// A lesson is also a test: what it says must be true.
void expect(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "not so: " << what << '\n';
  std::exit(1);
}

}  // namespace

int main() {
  // Row-major, float unless told otherwise.
  const Tensor<float> x = reshape(arange<float>(12), {3, 4});
  std::cout << "x = " << x << '\n';

  // [views]
  // Views share the elements: nothing is copied, whatever the strides.
  const Tensor<float> column = select(x, 1, 2);                    // [3]
  const Tensor<float> corner = slice(slice(x, 0, 0, 2), 1, 0, 2);  // [2, 2]
  const Tensor<float> mirrored = slice(x, 1, Slice{.step = -1});   // x[:, ::-1]
  const Tensor<float> turned = transpose(x);                       // [4, 3]
  column.at({0}) = 100;
  expect(x.at({0, 2}) == 100 && turned.at({2, 0}) == 100 && mirrored.at({0, 1}) == 100, "views share elements");
  // [/views]
  std::cout << "its upper left corner = " << corner << '\n';

  // Copying a Tensor copies the handle; clone() copies the elements.
  const Tensor<float> alias = x, copy = clone(x);
  x.at({0, 0}) = -1;
  expect(alias.at({0, 0}) == -1 && copy.at({0, 0}) == 0, "a clone is apart");

  // [broadcast]
  // Broadcasting follows NumPy: [3, 1] and [4] give [3, 4]. No copy is made of either.
  const Tensor<float> rows = from<float>({10, 20, 30}, {3, 1}), columns = from<float>({1, 2, 3, 4}, {4});
  const Tensor<float> table = rows + columns;
  // [/broadcast]
  std::cout << "table = " << table << '\n';
  expect(table.shape() == Shape{3, 4} && table.at({2, 3}) == 34, "broadcasting");

  // Reductions, along an axis or over everything.
  std::cout << "sum over rows = " << sum(table, {0}) << ", mean = " << mean(table).item() << '\n';

  // Element types are part of the type; a cast is written. bf16 and f16 store, arithmetic happens in float.
  const Tensor<std::int64_t> whole = cast<std::int64_t>(table);
  const Tensor<bf16> half = cast<bf16>(table);
  const Tensor<bool> large = table > 20;
  expect(whole.at({1, 1}) == 22 && static_cast<float>(half.at({0, 0})) == 11 && large.at({2, 0}), "element types");

  // Random numbers come from a Generator that you hold: the same seed gives the same numbers on any number of threads.
  Generator generator(42);
  const Tensor<float> noise = normal<float>({1000}, generator);
  std::cout << "mean of 1000 normal numbers = " << mean(noise).item() << '\n';

  // Misuse throws limn::Error: one line that names the operation, what came and what was wanted.
  try {
    const Tensor<float> wrong = x + ones<float>({5});
    std::cout << wrong;
  } catch (const Error& error) {
    std::cout << "caught: " << error.what() << '\n';
    return 0;
  }
  expect(false, "shapes that do not fit are an error");
}

#include <doctest/doctest.h>

#include <sstream>

#include <limn/core/create.hpp>
#include <limn/core/print.hpp>
#include <limn/core/random.hpp>

using namespace limn;

TEST_CASE("broadcasting aligns at the right and refuses unequal extents with both shapes named") {
  CHECK(broadcast_shapes("add", {2, 1, 4}, {3, 1}) == Shape{2, 3, 4});
  CHECK(broadcast_shapes("add", {}, {3}) == Shape{3});
  CHECK(broadcast_shapes("add", {0, 1}, {1, 4}) == Shape{0, 4});
  CHECK_THROWS_WITH_AS((void)broadcast_shapes("add", {2, 3}, {4}), "add: shapes [2, 3] and [4] do not broadcast",
                       Error);
}

TEST_CASE("a shape refuses negative extents, rank above 8 and products beyond 64 bits") {
  CHECK_THROWS_AS(Shape({-1}), Error);
  CHECK_THROWS_AS(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
  CHECK_THROWS_AS(Shape({index_t{1} << 40, index_t{1} << 40}), Error);
}

TEST_CASE("a shape that no memory can hold fails with one line and does not crash") {
  try {
    const Tensor<float> x(Shape{index_t{1} << 20, index_t{1} << 28});
    FAIL("allocated a petabyte");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("not enough memory on cpu") != std::string::npos);
  }
}

TEST_CASE("a transposed view copies into row-major order, and back") {
  const Tensor<float> x = from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const Tensor<float> t = x.as_view({3, 2}, {1, 3});
  CHECK_FALSE(t.is_contiguous());
  CHECK(to_vector(t) == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(t.at({2, 1}) == 6);
  copy_into(from<float>({10, 20, 30, 40, 50, 60}, {3, 2}), t);
  CHECK(to_vector(x) == std::vector<float>{10, 30, 50, 20, 40, 60});
  const Tensor<float> flipped = x.as_view({3}, {-1}, 2);
  CHECK(to_vector(flipped) == std::vector<float>{50, 30, 10});
}

TEST_CASE("float converts to bf16 and f16 to the nearest value, ties to even") {
  CHECK(bf16(1.00390625f).bits == 0x3f80);  // half way: to even
  CHECK(bf16(1.01171875f).bits == 0x3f82);
  CHECK(f16(65504.f).bits == 0x7bff);
  CHECK(f16(65520.f).bits == 0x7c00);
  CHECK(f16(5.9604645e-8f).bits == 1);
  CHECK(f16(2.9802322e-8f).bits == 0);
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    f16 half;
    half.bits = static_cast<std::uint16_t>(bits);
    const float value = half;
    if (value == value) REQUIRE(f16(value).bits == bits);
    bf16 brain;
    brain.bits = static_cast<std::uint16_t>(bits);
    const float wide = brain;
    if (wide == wide) REQUIRE(bf16(wide).bits == bits);
  }
}

TEST_CASE("random tensors depend on the seed alone, not on the number of threads") {
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 7}) {
    kernels::set_thread_count(threads);
    Generator generator(42);
    results.push_back(to_vector(normal<float>({100001}, generator)));
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
  double sum = 0, squares = 0;
  for (const float v : results[0]) sum += v, squares += static_cast<double>(v) * v;
  CHECK(std::abs(sum / 100001) < 0.01);
  CHECK(squares / 100001 == doctest::Approx(1).epsilon(0.02));
}

TEST_CASE("a generator continues exactly from its saved state") {
  Generator a(7);
  (void)a.next();
  (void)uniform<float>({5}, a);
  Generator b(0);
  b.set_state(a.state());
  CHECK(a.next() == b.next());
  CHECK(permutation(10, a) == permutation(10, b));
}

TEST_CASE("uniform stays inside its bounds and below(n) reaches every value") {
  Generator generator(1);
  for (const float v : to_vector(uniform<float>({100000}, generator, 0, 1))) REQUIRE((v >= 0 && v < 1));
  std::vector<int> seen(7);
  for (int i = 0; i < 1000; ++i) ++seen[static_cast<std::size_t>(generator.below(7))];
  for (const int count : seen) CHECK(count > 90);
}

TEST_CASE("printing shortens long tensors") {
  std::ostringstream out;
  out << from<float>({1, 2, 3, 4}, {2, 2}) << ' ' << arange<std::int32_t>(2000);
  CHECK(out.str() ==
        "tensor([[1, 2],\n        [3, 4]], shape [2, 2]) tensor([0, 1, 2, ..., 1997, 1998, 1999], shape [2000])");
}

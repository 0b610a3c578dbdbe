#pragma once
// The convolution by its definition, for the tests of every device.

#include <limn_kernels/conv2d_shape.hpp>

namespace limn::test {

/// Calls body(x index, weight index, y index) for every product of the convolution.
template <class Body>
void for_each_product(const kernels::Conv2dShape& s, Body&& body) {
  for (index_t n = 0; n < s.n; ++n)
    for (index_t o = 0; o < s.oc; ++o)
      for (index_t oy = 0; oy < s.oh; ++oy)
        for (index_t ox = 0; ox < s.ow; ++ox)
          for (index_t c = 0; c < s.channels(); ++c)
            for (index_t i = 0; i < s.kh; ++i)
              for (index_t j = 0; j < s.kw; ++j) {
                const index_t iy = oy * s.stride_h - s.pad_top + i * s.dilation_h;
                const index_t ix = ox * s.stride_w - s.pad_left + j * s.dilation_w;
                if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
                const index_t channel = o / s.outputs() * s.channels() + c;
                body(static_cast<std::size_t>(((n * s.c + channel) * s.h + iy) * s.w + ix),
                     static_cast<std::size_t>(((o * s.channels() + c) * s.kh + i) * s.kw + j),
                     static_cast<std::size_t>(((n * s.oc + o) * s.oh + oy) * s.ow + ox));
              }
}

}  // namespace limn::test

#pragma once
// What the recurrent kernels (lstm, gru, rnn) share: one layer, one direction, a whole sequence.

#include <limn_kernels/dispatch.hpp>

namespace limn::inline LIMN_ABI::kernels {

/// One layer in one direction. Sequences are time-major: [time, batch, features], contiguous.
///
/// Masks of these kernels are [time, batch] bytes: where 0, the step copies its state (h, and c) from the step before
/// it in the direction of the walk, whatever its input is. This is Keras' mask_zero; and packed sequences too, since a
/// reversed walk then keeps its initial state until it meets the end of the sequence.
struct RecurrentShape {
  index_t time = 0, batch = 0, input = 0, hidden = 0;
  index_t projection = 0;  // lstm only: width of the projected state, 0 = the state is as wide as `hidden`
  bool reverse = false;    // walk from time - 1 down to 0

  /// Width of the state h that is fed back.
  [[nodiscard]] index_t state() const { return projection > 0 ? projection : hidden; }
  /// Where in time the i-th step of the walk is.
  [[nodiscard]] index_t at(index_t i) const { return reverse ? time - 1 - i : i; }
};

/// The weights of one direction of an lstm (4 gates) or gru (3), w_ih [gates hidden, input] and w_hh [gates hidden,
/// state], packed once for many calls in the order in which this processor's kernels read them: as many bytes again,
/// the units rounded up to a whole vector. Float and double; on the CPU.
template <class T>
class PackedRecurrent {
 public:
  /// w_ih and w_hh are not needed afterwards.
  PackedRecurrent(index_t gates, index_t hidden, index_t input, index_t state, const T* w_ih, const T* w_hh);
  ~PackedRecurrent();
  PackedRecurrent(const PackedRecurrent&) = delete;
  PackedRecurrent& operator=(const PackedRecurrent&) = delete;

  [[nodiscard]] const T* data() const { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

}  // namespace limn::inline LIMN_ABI::kernels

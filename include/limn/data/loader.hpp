#pragma once
// Loader: batches of a data set in an order that depends on seed and epoch alone, prepared ahead on a thread of its
// own.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <limn/core/random.hpp>
#include <limn_kernels/error.hpp>

namespace limn::inline LIMN_ABI::data {

struct LoaderOptions {
  index_t batch_size = 32;
  bool shuffle = true;
  std::uint64_t seed = 0;  // of the order
  bool drop_last = false;  // leave out the last batch of an epoch when it is short
  index_t prefetch = 2;    // batches prepared ahead; 0: in next() itself, without a thread
};

/// Where a Loader stands: the next batch is number `batch` of `epoch`. Two numbers, so that a checkpoint can hold them.
struct LoaderPosition {
  index_t epoch = 0, batch = 0;
  friend bool operator==(const LoaderPosition&, const LoaderPosition&) = default;
};

/// The items 0 .. count-1 of an epoch in their order; a random permutation of its own for every (seed, epoch) when
/// shuffled.
[[nodiscard]] inline std::vector<index_t> epoch_order(index_t count, index_t epoch, bool shuffle, std::uint64_t seed) {
  Generator generator;
  generator.set_state({seed ^ 0x6C6F6164657221ull, static_cast<std::uint64_t>(epoch) << 32});
  if (shuffle) return permutation(count, generator);
  std::vector<index_t> order(static_cast<std::size_t>(count));
  for (index_t i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  return order;
}

/// Gives Batch values made by `collate(items)`, or `collate(items, position)` where the epoch matters (augmentation),
/// from the items of each batch. Batches depend on position and options alone, so seek(position()) in a new Loader
/// continues exactly where the old one was.
///
/// With prefetch > 0 collate runs on one other thread, one batch at a time; it must not touch what the training step
/// writes. What it throws is thrown by the next() whose batch it was.
template <class Batch>
class Loader {
 public:
  template <class Collate>
  Loader(index_t count, Collate collate, LoaderOptions options = {})
      : count_(count), collate_(with_position(std::move(collate))), options_(options) {
    if (count_ < 1) fail("loader", "there are no items to load");
    if (options_.batch_size < 1) fail("loader", "batch_size is ", options_.batch_size, " but must be at least 1");
    if (options_.prefetch < 0) fail("loader", "prefetch is ", options_.prefetch, " but must not be negative");
    if (batches() == 0)
      fail("loader", count_, " items make no batch of ", options_.batch_size,
           "; choose a smaller batch or keep the last one");
  }
  ~Loader() { stop(); }
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Batches in an epoch.
  [[nodiscard]] index_t batches() const {
    return (count_ + (options_.drop_last ? 0 : options_.batch_size - 1)) / options_.batch_size;
  }
  [[nodiscard]] index_t items() const { return count_; }
  /// The batch that next() will give; batch == batches() when next() will give the end of the epoch.
  [[nodiscard]] LoaderPosition position() const { return position_; }

  /// How long next() has waited for batches: what data cost the training. (Without a thread: all of collate.)
  [[nodiscard]] double seconds_waited() const { return std::chrono::duration<double>(waited_).count(); }

  /// Goes on from `position` (of this or of an equal Loader).
  void seek(LoaderPosition position) {
    if (position.epoch < 0 || position.batch < 0 || position.batch > batches())
      fail("loader", "there is no batch ", position.batch, " in epoch ", position.epoch, " of ", batches(), " batches");
    stop();
    position_ = position;
  }

  /// The next batch; nothing at the end of an epoch, and the call after that begins the next one.
  [[nodiscard]] std::optional<Batch> next() {
    if (position_.batch == batches()) {
      position_ = {position_.epoch + 1, 0};
      return std::nullopt;
    }
    std::optional<Batch> batch;
    const Clock::time_point asked = Clock::now();
    if (options_.prefetch == 0) {
      batch.emplace(collate_(batch_items(position_, own_order_), position_));
    } else {
      if (!worker_.joinable()) start();
      batch.emplace(take());
    }
    waited_ += Clock::now() - asked;
    ++position_.batch;
    return batch;
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Make = std::function<Batch(const std::vector<index_t>& items, LoaderPosition at)>;

  template <class Collate>
  [[nodiscard]] static Make with_position(Collate collate) {
    if constexpr (std::is_invocable_v<Collate&, const std::vector<index_t>&, LoaderPosition>)
      return collate;
    else
      return [collate](const std::vector<index_t>& items, LoaderPosition) mutable { return collate(items); };
  }

  /// The permutation of one epoch, kept until another is asked for.
  struct Order {
    index_t epoch = -1;
    std::vector<index_t> items;
  };
  struct Prepared {
    std::optional<Batch> batch;
    std::exception_ptr failure;
  };

  [[nodiscard]] std::vector<index_t> batch_items(LoaderPosition at, Order& order) const {
    if (order.epoch != at.epoch) order = {at.epoch, epoch_order(count_, at.epoch, options_.shuffle, options_.seed)};
    const index_t begin = at.batch * options_.batch_size, end = std::min(count_, begin + options_.batch_size);
    return {order.items.begin() + begin, order.items.begin() + end};
  }

  void start() {
    stopping_ = false;
    worker_ = std::thread([this, at = position_] { work(at); });
  }
  void stop() {
    if (!worker_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    worker_.join();
    ready_.clear();
  }
  void work(LoaderPosition at) {
    Order order;
    for (;;) {
      if (at.batch == batches()) at = {at.epoch + 1, 0};
      Prepared prepared;
      try {
        prepared.batch.emplace(collate_(batch_items(at, order), at));
      } catch (...) {
        prepared.failure = std::current_exception();
      }
      ++at.batch;
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || static_cast<index_t>(ready_.size()) < options_.prefetch; });
      if (stopping_) return;
      const bool failed = prepared.failure != nullptr;
      ready_.push_back(std::move(prepared));
      changed_.notify_all();
      if (failed) return;
    }
  }
  [[nodiscard]] Batch take() {
    Prepared prepared;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !ready_.empty(); });
      prepared = std::move(ready_.front());
      ready_.pop_front();
    }
    changed_.notify_all();
    if (prepared.failure) {
      stop();  // a later next() tries this batch again
      std::rethrow_exception(prepared.failure);
    }
    return std::move(*prepared.batch);
  }

  index_t count_;
  Make collate_;
  LoaderOptions options_;
  LoaderPosition position_;
  Clock::duration waited_{};
  Order own_order_;

  std::thread worker_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Prepared> ready_;
  bool stopping_ = false;
};

}  // namespace limn::inline LIMN_ABI::data

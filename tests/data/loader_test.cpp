// The order of batches, exact resumption, and the thread that prepares them.

#include <algorithm>
#include <atomic>
#include <set>

#include <doctest/doctest.h>

#include <limn/data/loader.hpp>

using namespace limn;
using namespace limn::data;

namespace {

using Items = std::vector<index_t>;
using ItemLoader = Loader<Items>;

Items identity(const Items& items) { return items; }

/// The batches of the next `epochs` epochs (or what is left of the first).
std::vector<Items> drain(ItemLoader& loader, int epochs = 1) {
  std::vector<Items> batches;
  while (epochs > 0) {
    if (auto batch = loader.next())
      batches.push_back(*batch);
    else
      --epochs;
  }
  return batches;
}

}  // namespace

TEST_CASE("loader: an epoch holds every item once, in another order each epoch, the same for the same seed") {
  for (const index_t prefetch : {0, 1, 3}) {
    ItemLoader loader(10, identity, {.batch_size = 4, .seed = 5, .prefetch = prefetch});
    ItemLoader same(10, identity, {.batch_size = 4, .seed = 5, .prefetch = 0});
    ItemLoader other(10, identity, {.batch_size = 4, .seed = 6, .prefetch = 0});
    CHECK(loader.batches() == 3);
    const auto first = drain(loader), second = drain(loader);
    REQUIRE(first.size() == 3);
    CHECK(first[2].size() == 2);
    std::multiset<index_t> seen;
    for (const Items& batch : first) seen.insert(batch.begin(), batch.end());
    CHECK(seen == std::multiset<index_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(first != second);
    CHECK(first == drain(same));
    CHECK(second == drain(same));
    CHECK(first != drain(other));
  }
}

TEST_CASE("loader: without shuffling items come in their own order, and drop_last leaves out a short batch") {
  ItemLoader loader(5, identity, {.batch_size = 2, .shuffle = false, .drop_last = true});
  CHECK(drain(loader, 2) == std::vector<Items>{{0, 1}, {2, 3}, {0, 1}, {2, 3}});
}

TEST_CASE("loader: collate may see the position of its batch, and what next() waits for it is counted") {
  for (const index_t prefetch : {0, 2}) {
    Loader<index_t> loader(4,
                           [](const Items& items, LoaderPosition at) {
                             return 100 * at.epoch + 10 * at.batch + static_cast<index_t>(items.size());
                           },
                           {.batch_size = 3, .prefetch = prefetch});
    std::vector<index_t> seen;
    for (int i = 0; i < 6; ++i) seen.push_back(loader.next().value_or(-1));
    CHECK(seen == std::vector<index_t>{3, 11, -1, 103, 111, -1});
    CHECK(loader.seconds_waited() >= 0);
  }
  Loader<int> slow(2, [](const Items&) { return std::this_thread::sleep_for(std::chrono::milliseconds(20)), 1; },
                   {.batch_size = 1, .prefetch = 0});
  CHECK(slow.next().has_value());
  CHECK(slow.seconds_waited() >= 0.02);
}

TEST_CASE("loader: a new loader that seeks to the position of the old one continues exactly") {
  for (const index_t prefetch : {0, 2}) {
    const LoaderOptions options{.batch_size = 3, .seed = 9, .prefetch = prefetch};
    for (int steps = 0; steps < 9; ++steps) {
      ItemLoader whole(10, identity, options), resumed(10, identity, options);
      for (int i = 0; i < steps; ++i) static_cast<void>(whole.next());
      resumed.seek(whole.position());
      CHECK(drain(resumed, 2) == drain(whole, 2));
      CHECK(resumed.position() == whole.position());
    }
  }
}

TEST_CASE("loader: seeking back gives the same batches again") {
  ItemLoader loader(10, identity, {.batch_size = 3});
  const auto first = drain(loader);
  loader.seek({0, 1});
  CHECK(drain(loader) == std::vector<Items>(first.begin() + 1, first.end()));
  CHECK_THROWS_WITH_AS(loader.seek({0, 5}), "loader: there is no batch 5 in epoch 0 of 4 batches", Error);
}

TEST_CASE("loader: what collate throws comes out of the next() whose batch it was") {
  for (const index_t prefetch : {0, 2}) {
    const auto collate = [](const Items& items) {
      if (items[0] == 4) fail("image 4", "is broken");
      return items;
    };
    ItemLoader loader(8, collate, {.batch_size = 2, .shuffle = false, .prefetch = prefetch});
    CHECK(loader.next().value() == Items{0, 1});
    CHECK(loader.next().value() == Items{2, 3});
    for (int again = 0; again < 2; ++again)
      CHECK_THROWS_WITH_AS(static_cast<void>(loader.next()), "image 4: is broken", Error);
  }
}

TEST_CASE("loader: prepares no more batches ahead than asked for, and ends while it is busy") {
  std::atomic<int> made{0};
  {
    Loader<int> loader(100, [&](const Items&) { return ++made; }, {.batch_size = 1, .prefetch = 2});
    for (int i = 1; i <= 5; ++i) CHECK(loader.next().value() == i);
  }
  CHECK(made <= 8);  // five taken, two ready, one in hand
}

TEST_CASE("loader: refuses what cannot give a batch") {
  CHECK_THROWS_WITH_AS(ItemLoader(0, identity), "loader: there are no items to load", Error);
  CHECK_THROWS_WITH_AS(ItemLoader(3, identity, {.batch_size = 0}), "loader: batch_size is 0 but must be at least 1",
                       Error);
  CHECK_THROWS_WITH_AS(ItemLoader(3, identity, {.batch_size = 4, .drop_last = true}),
                       "loader: 3 items make no batch of 4; choose a smaller batch or keep the last one", Error);
}

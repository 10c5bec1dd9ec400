// The ring of frames on their way out, against a plain queue.
#include <doctest/doctest.h>

#include <deque>
#include <vector>

#include "net/send_queue.h"

using board::SendQueue;
using Frame = std::vector<std::uint8_t>;

namespace {

struct Lcg {
  std::uint32_t state = 7;
  std::uint32_t below(std::uint32_t bound) {
    state = state * 1664525U + 1013904223U;
    return (state >> 16) % bound;
  }
};

bool frontIs(SendQueue& queue, bool binary, const Frame& frame) {
  bool isBinary = !binary;
  const std::uint8_t* data = nullptr;
  std::size_t length = 0;
  return queue.front(isBinary, data, length) && isBinary == binary && Frame(data, data + length) == frame;
}

}  // namespace

TEST_CASE("frames of every length come out as they went in, whole and in order, wherever they lie in the ring") {
  SendQueue queue;
  std::deque<std::pair<bool, Frame>> expected;
  Lcg random;
  int put = 0;
  for (int step = 0; step < 200'000; ++step) {
    const bool write = random.below(2) == 0;
    if (write) {
      const bool binary = random.below(2) == 0;
      const std::uint32_t length = random.below(4) == 0 ? random.below(2048) + 1 : random.below(200) + 1;
      const Frame frame(length, static_cast<std::uint8_t>(step));
      if (!queue.put(binary, frame.data(), frame.size())) continue;
      expected.emplace_back(binary, frame);
      ++put;
    } else if (!expected.empty()) {
      REQUIRE(frontIs(queue, expected.front().first, expected.front().second));
      queue.pop();
      expected.pop_front();
    }
  }
  CHECK(put > 50'000);
  while (!expected.empty()) {
    REQUIRE(frontIs(queue, expected.front().first, expected.front().second));
    queue.pop();
    expected.pop_front();
  }
  bool binary = false;
  const std::uint8_t* data = nullptr;
  std::size_t length = 0;
  CHECK_FALSE(queue.front(binary, data, length));
}

TEST_CASE("the longest frame and a short one fit wherever the ring stands; an empty one and a longer never do") {
  const Frame longest(SendQueue::maxFrameBytes, 1);
  const Frame shortOne(100, 2);
  for (std::uint16_t shift = 0; shift < 60; ++shift) {
    SendQueue queue;
    const Frame before(static_cast<std::size_t>(shift) * 8 + 1, 9);
    REQUIRE(queue.put(false, before.data(), before.size()));
    queue.pop();
    CHECK(queue.put(true, longest.data(), longest.size()));
    CHECK(queue.put(false, shortOne.data(), shortOne.size()));
    CHECK_FALSE(queue.put(false, longest.data(), longest.size() + 1));
    CHECK_FALSE(queue.put(false, longest.data(), 0));
    CHECK(frontIs(queue, true, longest));
    queue.drop();
    CHECK(queue.put(false, shortOne.data(), shortOne.size()));
    CHECK(frontIs(queue, false, shortOne));
  }
}

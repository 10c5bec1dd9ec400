#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace board {

/// Frames on their way out, from the door's task (D) to the network's (N): a ring for one writer and one reader, without a
/// lock. Each frame lies in one piece, so that it is sent from where it lies.
class SendQueue {
 public:
  static constexpr std::size_t maxFrameBytes = 2048;   ///< the core's own bound for what it says
  static constexpr std::size_t capacityBytes = 4608;   ///< two of the longest when empty, and always one

  /// D. False: full or too long, and nothing was queued.
  bool put(bool binary, const std::uint8_t* data, std::size_t length);

  /// N: the oldest frame, valid until pop(); false when there is none.
  bool front(bool& binary, const std::uint8_t*& data, std::size_t& length);
  /// N, after front() said there is one.
  void pop();
  /// N: all of it.
  void drop();

 private:
  std::uint16_t headerAt(std::size_t at) const;

  std::uint8_t ring_[capacityBytes] = {};
  std::atomic<std::uint16_t> head_{0};   ///< where D writes next
  std::atomic<std::uint16_t> tail_{0};   ///< where N reads next; the same as head_: empty
};

}  // namespace board

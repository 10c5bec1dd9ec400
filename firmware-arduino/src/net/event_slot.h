#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "net/server.h"
#include "ports/channel.h"
#include "ports/https.h"

namespace board {

/// A queue of one event from the network's task (N) to the door's (D), with the frame's bytes in it. While D has not
/// looked, N does not read on, and the relay feels it through TCP: there is no memory for more.
class EventSlot {
 public:
  struct Event {
    esplock::ChannelEventKind kind = esplock::ChannelEventKind::none;
    esplock::TransportError error = esplock::TransportError::none;
    int httpStatus = 0;
    std::uint16_t closeCode = 0;
    std::size_t length = 0;
  };

  /// N: nothing is waiting to be read.
  bool isFree() const { return !full_.load(std::memory_order_acquire); }
  /// N, when free: `bytes` filled in before.
  void publish(const Event& event) {
    event_ = event;
    full_.store(true, std::memory_order_release);
  }

  /// D: the event waiting, or null.
  const Event* peek() const { return full_.load(std::memory_order_acquire) ? &event_ : nullptr; }
  /// D: done with event and bytes.
  void release() { full_.store(false, std::memory_order_release); }

  /// The frame; before there is one, and while there is no socket, a POST's body and the CA of either (NetworkTask).
  static constexpr std::size_t sharedBytes = esplock::Https::maxBodyBytes + Server::caBytes;
  static_assert(sharedBytes >= esplock::Channel::maxFrameBytes, "the frame is the smaller");
  std::uint8_t bytes[sharedBytes] = {};

 private:
  Event event_;
  std::atomic<bool> full_{false};
};

}  // namespace board

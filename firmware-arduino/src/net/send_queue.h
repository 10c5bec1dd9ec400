#pragma once

#include <freertos/FreeRTOS.h>
#include <freertos/message_buffer.h>

#include <cstddef>
#include <cstdint>

namespace board {

/// Frames on their way out, from the door's task to the network's: bounded, one writer, one reader.
class SendQueue {
 public:
  static constexpr std::size_t maxFrameBytes = 2048;   ///< the core's own bound for what it says
  static constexpr std::size_t capacityBytes = 6 * 1024;

  bool create();

  /// Door's task. False: full or too long, and nothing was queued.
  bool put(bool binary, const std::uint8_t* data, std::size_t length);

  /// Network's task: the next frame, valid until the next call; false when there is none.
  bool take(bool& binary, const std::uint8_t*& data, std::size_t& length);
  void drop();

 private:
  MessageBufferHandle_t buffer_ = nullptr;
  std::uint8_t frame_[maxFrameBytes] = {};
};

}  // namespace board

#include "net/send_queue.h"

namespace board {
namespace {

constexpr TickType_t secondPartWait = pdMS_TO_TICKS(1000);   // the writer is between its two calls
constexpr std::size_t perMessage = sizeof(std::size_t);      // the length FreeRTOS keeps with each

}  // namespace

bool SendQueue::create() {
  buffer_ = xMessageBufferCreate(capacityBytes);
  return buffer_ != nullptr;
}

bool SendQueue::put(bool binary, const std::uint8_t* data, std::size_t length) {
  if (length == 0 || length > maxFrameBytes) return false;
  // Two messages a frame, kind and bytes: room for both is looked for first, and as only the reader can change it
  // meanwhile, it cannot get less.
  if (xMessageBufferSpacesAvailable(buffer_) < 1 + length + 2 * perMessage) return false;
  const std::uint8_t kind = binary ? 1 : 0;
  return xMessageBufferSend(buffer_, &kind, 1, 0) == 1 && xMessageBufferSend(buffer_, data, length, 0) == length;
}

bool SendQueue::take(bool& binary, const std::uint8_t*& data, std::size_t& length) {
  std::uint8_t kind = 0;
  if (xMessageBufferReceive(buffer_, &kind, 1, 0) != 1) return false;
  length = xMessageBufferReceive(buffer_, frame_, sizeof frame_, secondPartWait);
  binary = kind != 0;
  data = frame_;
  return length > 0;
}

void SendQueue::drop() {
  bool binary = false;
  const std::uint8_t* data = nullptr;
  std::size_t length = 0;
  while (take(binary, data, length)) {
  }
}

}  // namespace board

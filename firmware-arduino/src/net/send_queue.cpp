#include "net/send_queue.h"

#include <cstring>

namespace board {
namespace {

// Before each frame two bytes: its length, and whether it is binary. `wrapped` says that the next one lies at the start.
constexpr std::size_t headerBytes = 2;
constexpr std::uint16_t binaryBit = 0x8000;
constexpr std::uint16_t wrapped = 0x7FFF;

}  // namespace

std::uint16_t SendQueue::headerAt(std::size_t at) const {
  return static_cast<std::uint16_t>(ring_[at] << 8 | ring_[at + 1]);
}

bool SendQueue::put(bool binary, const std::uint8_t* data, std::size_t length) {
  if (length == 0 || length > maxFrameBytes) return false;
  const std::size_t tail = tail_.load(std::memory_order_acquire);
  std::size_t at = head_.load(std::memory_order_relaxed);
  const std::size_t need = headerBytes + length;
  // Strictly less everywhere: a head that caught up with the tail would read as empty. The two bytes left at the end are
  // for the mark.
  if (at >= tail && need + headerBytes > capacityBytes - at) {
    if (need >= tail) return false;
    ring_[at] = wrapped >> 8;
    ring_[at + 1] = wrapped & 0xFF;
    at = 0;
  } else if (at < tail && need >= tail - at) {
    return false;
  }
  const auto header = static_cast<std::uint16_t>(length | (binary ? binaryBit : 0U));
  ring_[at] = static_cast<std::uint8_t>(header >> 8);
  ring_[at + 1] = static_cast<std::uint8_t>(header & 0xFF);
  std::memcpy(ring_ + at + headerBytes, data, length);
  head_.store(static_cast<std::uint16_t>(at + need), std::memory_order_release);
  return true;
}

bool SendQueue::front(bool& binary, const std::uint8_t*& data, std::size_t& length) {
  std::size_t at = tail_.load(std::memory_order_relaxed);
  if (at == head_.load(std::memory_order_acquire)) return false;
  if (headerAt(at) == wrapped) {
    at = 0;
    tail_.store(0, std::memory_order_release);
  }
  const std::uint16_t header = headerAt(at);
  binary = (header & binaryBit) != 0;
  length = header & ~binaryBit & 0xFFFFU;
  data = ring_ + at + headerBytes;
  return true;
}

void SendQueue::pop() {
  const std::size_t at = tail_.load(std::memory_order_relaxed);
  const std::size_t length = headerAt(at) & ~binaryBit & 0xFFFFU;
  tail_.store(static_cast<std::uint16_t>(at + headerBytes + length), std::memory_order_release);
}

void SendQueue::drop() { tail_.store(head_.load(std::memory_order_acquire), std::memory_order_release); }

}  // namespace board

// What is left of the platform: restarting, memory, the sealing key, work off the main task.
#pragma once

#include <cstddef>
#include <cstdint>

namespace esplock {

class System {
 public:
  virtual ~System() = default;

  /// Restarts the device. May return (the host rebuilds its door after the poll); the core does nothing after it.
  virtual void restart() = 0;

  /// Free heap in bytes; 0 when unknown.
  virtual std::size_t freeHeap() = 0;

  /// The largest block that can be had in one piece: a TLS handshake wants two of 16.7 KB. 0 when unknown.
  virtual std::size_t largestFreeBlock() { return 0; }

  /// The least, in bytes, that was ever left of the stack of any task of the door; 0 when unknown.
  virtual std::size_t stackLeft() { return 0; }

  /// The 32 byte key that seals settings and the private key: from the eFuse HMAC where the chip has it, otherwise a
  /// random one in a partition of its own, made on first use. Must be the same on every boot.
  virtual bool sealingKey(std::uint8_t out[32]) = 0;

  /// Runs `work(argument)` once, off the task that polls the door, at low priority with at least 12 KiB of stack.
  /// False when it cannot. Used for RSA key generation, which takes over 10 s on a board; the core makes no call into
  /// PSA crypto until the work is done, because PSA is not thread safe on every build.
  virtual bool runInBackground(void (*work)(void*), void* argument) = 0;
};

}  // namespace esplock

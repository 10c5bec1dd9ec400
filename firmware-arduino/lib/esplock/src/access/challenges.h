#pragma once

#include <cstddef>
#include <cstdint>

#include "ports/random.h"

namespace esplock {

/// What the door has asked senders to put into their commands (protocol 19.4): who seals one of these has sealed within
/// its 30 s, whatever any clock says. In RAM on purpose: after a reboot none of before is good.
class Challenges {
 public:
  static constexpr std::size_t capacity = 16;
  static constexpr std::size_t bytes = 32;
  static constexpr std::uint64_t lifetimeMs = 30'000;

  explicit Challenges(Random& random) : random_(random) {}

  /// Makes one; a place that is burnt or too old is taken before the oldest has to go. Null without randomness.
  const std::uint8_t* make(std::uint64_t nowMs);

  bool isGood(const std::uint8_t challenge[bytes], std::uint64_t nowMs) const { return find(challenge, nowMs) < capacity; }
  void burn(const std::uint8_t challenge[bytes], std::uint64_t nowMs);

 private:
  struct Entry {
    std::uint8_t challenge[bytes];
    std::uint64_t madeMs;
    std::uint64_t number;   ///< in the order of making: many may be made in one millisecond
    bool open;
  };
  static bool live(const Entry& entry, std::uint64_t nowMs) { return entry.open && nowMs - entry.madeMs <= lifetimeMs; }
  std::size_t find(const std::uint8_t challenge[bytes], std::uint64_t nowMs) const;

  Random& random_;
  Entry entries_[capacity] = {};
  std::uint64_t made_ = 0;
};

}  // namespace esplock

#pragma once

#include <cstdint>

#include "ports/random.h"

namespace esplock {

/// Full-jitter exponential backoff (protocol 5.6): after a relay's death its doors come back spread out, and never at once.
class Backoff {
 public:
  static constexpr std::uint32_t firstMs = 500;
  static constexpr std::uint32_t longestMs = 60'000;

  explicit Backoff(Random& random) : random_(random) {}

  /// Anything from 0.5 s to the present ceiling, which then doubles, from 1 s to 60 s. Without randomness the ceiling itself.
  std::uint32_t next() {
    const std::uint32_t ceiling = ceilingMs_;
    ceilingMs_ = ceiling * 2 > longestMs ? longestMs : ceiling * 2;
    std::uint8_t bytes[4];
    if (!random_.fill(bytes, sizeof bytes)) return ceiling;
    const std::uint32_t value = static_cast<std::uint32_t>(bytes[0]) | (static_cast<std::uint32_t>(bytes[1]) << 8) |
                                (static_cast<std::uint32_t>(bytes[2]) << 16) |
                                (static_cast<std::uint32_t>(bytes[3]) << 24);
    return firstMs + value % (ceiling - firstMs + 1);
  }
  void reset() { ceilingMs_ = 2 * firstMs; }

 private:
  Random& random_;
  std::uint32_t ceilingMs_ = 2 * firstMs;
};

}  // namespace esplock

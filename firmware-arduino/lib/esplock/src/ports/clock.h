// Time, handed in: nothing in the core asks the platform (house rule 3).
#pragma once

#include <cstdint>

namespace esplock {

class Clock {
 public:
  virtual ~Clock() = default;

  /// Milliseconds since some fixed moment of this boot. Never goes back, never wraps.
  virtual std::uint64_t monotonicMs() = 0;

  /// Unix milliseconds from SNTP (board) or the system clock (host). False while there is none.
  /// The core asks only until the first welcome (protocol 6.6) and keeps its own time after that.
  virtual bool wallMs(std::uint64_t& outMs) = 0;
};

}  // namespace esplock

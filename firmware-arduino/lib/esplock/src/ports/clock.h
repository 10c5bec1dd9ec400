// Time, handed in: nothing in the core asks the platform (house rule 3).
#pragma once

#include <cstdint>

namespace esplock {

class Clock {
 public:
  virtual ~Clock() = default;

  /// Milliseconds since some fixed moment of this boot. Never goes back, never wraps.
  virtual std::uint64_t monotonicMs() = 0;

  /// Unix milliseconds from SNTP (board) or the system clock (host). False while there is none, and after askWall() until
  /// a new answer has come. The core takes one answer to each question and keeps its own time after that (protocol 6.6).
  virtual bool wallMs(std::uint64_t& outMs) = 0;

  /// Asks SNTP again. The first question of a boot needs no asking. Called once a minute at most.
  virtual void askWall() = 0;
};

}  // namespace esplock

#pragma once

#include <cstddef>
#include <cstdint>

#include "ports/clock.h"
#include "ports/log.h"

namespace esplock {

/// The last 200 entries, and everything on to the port. An entry holds no free text, so no secret can get in.
class LogRing {
 public:
  static constexpr std::size_t capacity = 200;

  struct Entry {
    std::uint64_t atMs;
    std::int64_t detail;   ///< what passes 32 bits is kept as the nearest that does not
    const char* cause;
    LogLevel level;
  };

  LogRing(Log& sink, Clock& clock) : sink_(sink), clock_(clock) {}

  void write(LogLevel level, const char* cause, std::int64_t detail = 0);
  std::size_t count() const { return count_; }

  /// The oldest first.
  Entry at(std::size_t index) const;

 private:
  /// 16 bytes on a board. The time has 48 bits, which are 8,900 years.
  struct Kept {
    const char* cause = "";
    std::int32_t detail = 0;
    std::uint32_t atLowMs = 0;
    std::uint16_t atHighMs = 0;
    LogLevel level = LogLevel::info;
  };
  Log& sink_;
  Clock& clock_;
  Kept entries_[capacity];
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace esplock

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
    std::uint64_t atMs = 0;
    std::int64_t detail = 0;
    const char* cause = "";
    LogLevel level = LogLevel::info;
  };

  LogRing(Log& sink, Clock& clock) : sink_(sink), clock_(clock) {}

  void write(LogLevel level, const char* cause, std::int64_t detail = 0);
  std::size_t count() const { return count_; }
  const Entry& at(std::size_t index) const { return entries_[(next_ + capacity - count_ + index) % capacity]; }

 private:
  Log& sink_;
  Clock& clock_;
  Entry entries_[capacity];
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace esplock

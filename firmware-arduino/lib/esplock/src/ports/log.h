#pragma once

#include <cstdint>

namespace esplock {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

const char* textOf(LogLevel level);

/// Where log entries go as they happen (serial line, terminal); the core keeps the last 200 itself.
/// An entry is a fixed word and a number, never free text: so no secret can get into it.
class Log {
 public:
  virtual ~Log() = default;

  /// `cause` is a string literal such as "session.refused"; `detail` a number that goes with it (status, code, ms).
  virtual void write(LogLevel level, const char* cause, std::int64_t detail) = 0;
};

}  // namespace esplock

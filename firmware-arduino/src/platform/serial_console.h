#pragma once

#include <cstddef>

#include "console/console.h"
#include "door/door.h"
#include "ports/log.h"

namespace board {

/// What goes out on the serial line: answers of the console, the log, and the door's troubles in words.
class SerialOut final : public esplock::ConsoleOutput, public esplock::Log {
 public:
  void print(std::string_view text) override;
  void write(esplock::LogLevel level, const char* cause, std::int64_t detail) override;
};

/// Makes lines of what comes in. Nothing is echoed: the lines carry passwords, and terminals keep a scrollback.
class SerialConsole {
 public:
  SerialConsole(esplock::Door& door, SerialOut& out) : console_(door, out), out_(out) {}

  /// Takes what has come in, without waiting for more.
  void poll();

 private:
  void endLine();

  esplock::Console console_;
  SerialOut& out_;
  char line_[esplock::Console::maxLine + 1] = {};   // the one more makes a line too long known as such
  std::size_t length_ = 0;
};

}  // namespace board

#include "platform/serial_console.h"

#include <Arduino.h>

#include <cinttypes>
#include <cstdio>

#include "crypto/crypto.h"

namespace board {
namespace {

constexpr int bytesPerTurn = 256;   // a flood on the serial line must not keep the lock from its turns

}  // namespace

void SerialOut::print(std::string_view text) {
  Serial.write(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  Serial.write(reinterpret_cast<const std::uint8_t*>("\r\n"), 2);
}

void SerialOut::write(esplock::LogLevel level, const char* cause, std::int64_t detail) {
  char text[96];
  const int length = std::snprintf(text, sizeof text, "[%s] %s %" PRId64, esplock::textOf(level), cause, detail);
  if (length <= 0) return;
  const auto wanted = static_cast<std::size_t>(length);
  print({text, wanted < sizeof text ? wanted : sizeof text - 1});
}

void SerialConsole::poll() {
  for (int i = 0; i < bytesPerTurn && Serial.available() > 0; ++i) {
    const int byte = Serial.read();
    if (byte < 0) return;
    const char c = static_cast<char>(byte);
    if (c == '\n' || c == '\r') {
      // CR, LF and CR LF all end a line; the empty one between the last two means nothing to the console.
      endLine();
    } else if (length_ < sizeof line_) {
      line_[length_++] = c;
    }
  }
}

void SerialConsole::endLine() {
  if (length_ == 0) return;
  const bool known = console_.line({line_, length_});
  esplock::crypto::wipe(line_, sizeof line_);
  length_ = 0;
  if (!known) out_.print("unknown command; try help");   // not repeated: it may be a password gone astray
}

}  // namespace board

#pragma once

#include <cstdint>

namespace esplock {

/// Why a channel is ended, whatever carries it (protocol 5.6).
enum class CloseReason : std::uint8_t {
  done,   ///< in order, nothing wrong
  going_away,
  too_big,
  internal,
  no_subprotocol,
  superseded,
  session_ended,
  disabled,
  protocol_error,
  rate_limited,
  keep_alive_timeout,
  lost,      ///< it broke off without a word
  unknown,   ///< a word that is none of these
};

const char* textOf(CloseReason reason);

/// How a WebSocket says it (protocol 5.6); `lost` and `unknown` are never said, and have 1006 and 1005.
std::uint16_t closeCodeOf(CloseReason reason);
CloseReason closeReasonOf(std::uint16_t code);

}  // namespace esplock

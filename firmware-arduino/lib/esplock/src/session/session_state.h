#pragma once

#include <cstdint>
#include <string_view>

#include "ports/transport.h"

namespace esplock {

/// Where the door stands with its relay (protocol 4.3 to 4.6, 5.1).
enum class SessionState : std::uint8_t {
  unconfigured,   ///< server, CA, door id or password missing
  making_key,
  joining,        ///< waiting for the network
  waiting,        ///< backing off
  challenging,
  registering,
  connecting,
  greeting,       ///< hello sent, welcome awaited
  live,
  closing,
  stopped,
};

const char* textOf(SessionState state);

/// Why an attempt failed. `code` is the relay's problem code (protocol 9), cut to 31 characters, or "".
struct SessionTrouble {
  SessionState during = SessionState::waiting;
  TransportError error = TransportError::none;
  int httpStatus = 0;
  std::uint16_t closeCode = 0;
  std::string_view code;

  SessionTrouble() = default;
  SessionTrouble(SessionState duringState, TransportError transportError, int status = 0, std::uint16_t close = 0)
      : during(duringState), error(transportError), httpStatus(status), closeCode(close) {}
};

const char* textOf(TransportError error);

}  // namespace esplock

#pragma once

#include <cstdint>
#include <string_view>

#include "ports/transport_error.h"
#include "protocol/close_reason.h"
#include "protocol/refusal.h"

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
  Refusal refusal = Refusal::none;
  bool closed = false;                       ///< a connection that was open ended, by `reason`
  CloseReason reason = CloseReason::lost;
  int detail = 0;                            ///< for people: the close code if `closed`, else the HTTP status, 0 without one
  std::string_view code;

  SessionTrouble() = default;
  SessionTrouble(SessionState duringState, TransportError transportError)
      : during(duringState), error(transportError) {}
};

}  // namespace esplock

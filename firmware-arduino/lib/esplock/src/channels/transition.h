#pragma once

#include <cstdint>

#include "channels/session_state.h"

namespace esplock {

/// What can happen to a session.
enum class SessionInput : std::uint8_t {
  configured,        ///< settings are complete
  unconfigured,      ///< they no longer are
  key_ready,
  key_missing,       ///< a key or the spare has to be made first
  network_up,        ///< no session token: register
  network_up_token,  ///< a session token is at hand: connect
  answered,          ///< challenge or registration accepted
  opened,
  welcomed,
  failed,            ///< attempt refused, timed out or connection lost
  delay_over,
  stop_open,         ///< asked to stop with a socket to close
  stop,              ///< asked to stop without one
  closed,            ///< the socket we were closing is gone
};

constexpr std::uint8_t sessionInputCount = 14;

/// The one transition function (house rule 9); a state that does not know an input stays as it is.
SessionState transition(SessionState state, SessionInput input);

}  // namespace esplock

#include "channels/session_state.h"

namespace esplock {

const char* textOf(SessionState state) {
  switch (state) {
    case SessionState::unconfigured: return "unconfigured";
    case SessionState::making_key: return "making_key";
    case SessionState::joining: return "joining";
    case SessionState::waiting: return "waiting";
    case SessionState::challenging: return "challenging";
    case SessionState::registering: return "registering";
    case SessionState::connecting: return "connecting";
    case SessionState::greeting: return "greeting";
    case SessionState::live: return "live";
    case SessionState::closing: return "closing";
    case SessionState::stopped: return "stopped";
  }
  return "stopped";
}

}  // namespace esplock

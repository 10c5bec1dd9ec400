#include "status.h"

#include "lock/lock_types.h"
#include "ports/log.h"
#include "session/session_state.h"

namespace esplock {

const char* textOf(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::malformed: return "not in the right form";
    case Status::too_big: return "too long";
    case Status::invalid_value: return "value not allowed";
    case Status::not_found: return "not found";
    case Status::corrupt: return "stored data is damaged";
    case Status::crypto_failed: return "cryptographic operation failed";
    case Status::store_failed: return "could not be stored";
    case Status::busy: return "busy, try again";
    case Status::unsupported: return "not supported";
    case Status::not_configured: return "settings are missing";
  }
  return "unknown";
}

const char* textOf(ReceiptCode code) {
  switch (code) {
    case ReceiptCode::ok: return "ok";
    case ReceiptCode::malformed: return "malformed";
    case ReceiptCode::wrong_door: return "wrong_door";
    case ReceiptCode::wrong_scope: return "wrong_scope";
    case ReceiptCode::stale: return "stale";
    case ReceiptCode::replayed: return "replayed";
    case ReceiptCode::bad_credential: return "bad_credential";
    case ReceiptCode::locked_out: return "locked_out";
    case ReceiptCode::unsupported: return "unsupported";
    case ReceiptCode::invalid_params: return "invalid_params";
    case ReceiptCode::busy: return "busy";
    case ReceiptCode::failed: return "failed";
    case ReceiptCode::challenge_required: return "challenge_required";
  }
  return "failed";
}

const char* textOf(LockState state) {
  switch (state) {
    case LockState::locked: return "locked";
    case LockState::unlocked: return "unlocked";
    case LockState::unknown: return "unknown";
  }
  return "unknown";
}

const char* textOf(ContactState state) {
  switch (state) {
    case ContactState::absent: return "absent";
    case ContactState::closed: return "closed";
    case ContactState::open: return "open";
  }
  return "absent";
}

const char* textOf(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "error";
}

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

const char* textOf(TransportError error) {
  switch (error) {
    case TransportError::none: return "none";
    case TransportError::unreachable: return "unreachable";
    case TransportError::untrusted: return "untrusted";
    case TransportError::timeout: return "timeout";
    case TransportError::too_big: return "too_big";
    case TransportError::protocol: return "protocol";
  }
  return "none";
}

}  // namespace esplock

#include "base/status.h"

namespace esplock {

const char* textOf(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::malformed: return "not in the right form";
    case Status::too_big: return "too long";
    case Status::invalid_value: return "value not allowed";
    case Status::not_found: return "not found";
    case Status::corrupt: return "stored data is damaged";
    case Status::out_of_memory: return "out of memory";
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

}  // namespace esplock

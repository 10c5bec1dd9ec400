#include "update/codes.h"

namespace esplock {

const char* textOf(UpdateCode code) {
  switch (code) {
    case UpdateCode::none: return "";
    case UpdateCode::bad_signature: return "bad_signature";
    case UpdateCode::unknown_key: return "unknown_key";
    case UpdateCode::wrong_product: return "wrong_product";
    case UpdateCode::wrong_board: return "wrong_board";
    case UpdateCode::expired: return "expired";
    case UpdateCode::downgrade: return "downgrade";
    case UpdateCode::security_version: return "security_version";
    case UpdateCode::too_large: return "too_large";
    case UpdateCode::no_space: return "no_space";
    case UpdateCode::busy: return "busy";
    case UpdateCode::hash_mismatch: return "hash_mismatch";
    case UpdateCode::size_mismatch: return "size_mismatch";
    case UpdateCode::write_failed: return "write_failed";
    case UpdateCode::failed_before: return "failed_before";
    case UpdateCode::boot_failed: return "boot_failed";
    case UpdateCode::not_confirmed: return "not_confirmed";
  }
  return "";
}

}  // namespace esplock

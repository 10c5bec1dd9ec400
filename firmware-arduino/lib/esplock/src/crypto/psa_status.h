#pragma once

#include <psa/crypto.h>

#include "base/status.h"

namespace esplock::crypto {

/// Deliberately without detail, but for what is no matter of keys and messages: want of memory.
inline Status statusOf(psa_status_t status) {
  if (status == PSA_SUCCESS) return Status::ok;
  return status == PSA_ERROR_INSUFFICIENT_MEMORY ? Status::out_of_memory : Status::crypto_failed;
}

}  // namespace esplock::crypto

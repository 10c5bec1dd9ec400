#include "crypto/stream_hash.h"

#include "crypto/psa_status.h"

namespace esplock::crypto {

Status StreamHash::begin() {
  drop();
  return statusOf(psa_hash_setup(&operation_, PSA_ALG_SHA_256));
}

Status StreamHash::add(const void* data, std::size_t length) {
  const psa_status_t status = psa_hash_update(&operation_, static_cast<const std::uint8_t*>(data), length);
  return statusOf(status);
}

Status StreamHash::finish(std::uint8_t out[hashBytes]) {
  std::size_t length = 0;
  const psa_status_t status = psa_hash_finish(&operation_, out, hashBytes, &length);
  return status == PSA_SUCCESS && length == hashBytes ? Status::ok : Status::crypto_failed;
}

void StreamHash::drop() { psa_hash_abort(&operation_); }

}  // namespace esplock::crypto

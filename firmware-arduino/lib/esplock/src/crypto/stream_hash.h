// SHA-256 of what comes in pieces. Holds its state in place: no heap is taken.
#pragma once

#include <psa/crypto.h>

#include "crypto/crypto.h"

namespace esplock::crypto {

class StreamHash {
 public:
  StreamHash() = default;
  ~StreamHash() { drop(); }
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;

  /// Begins anew, whatever was under way.
  Status begin();
  Status add(const void* data, std::size_t length);

  /// Ends it; `begin` comes next.
  Status finish(std::uint8_t out[hashBytes]);
  void drop();

 private:
  psa_hash_operation_t operation_ = PSA_HASH_OPERATION_INIT;
};

}  // namespace esplock::crypto

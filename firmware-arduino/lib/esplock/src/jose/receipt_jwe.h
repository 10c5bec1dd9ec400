#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "crypto/crypto.h"
#include "ports/random.h"

namespace esplock {

/// Writes the compact JWE of a receipt (protocol 6.4): `dir` under the sender's reply key, empty encrypted key.
class ReceiptJwe {
 public:
  static constexpr std::size_t maxPlainBytes = 768;
  static constexpr std::size_t maxChars = 1160;

  explicit ReceiptJwe(Random& random) : random_(random) {}

  static constexpr std::size_t maxSealedBytes = maxPlainBytes + crypto::tagBytes;

  /// `plain` is sealed where it lies, with room for the tag: `maxSealedBytes` of it are overwritten at most.
  Status write(const std::uint8_t replyKey[32], char* plain, std::size_t plainLength, char* out, std::size_t capacity,
               std::size_t& length);

 private:
  Random& random_;
};

}  // namespace esplock

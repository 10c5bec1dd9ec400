#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "crypto/crypto.h"
#include "ports/random.h"

namespace esplock {

/// The compact JWE of a receipt (protocol 6.4): `dir` under the sender's reply key, empty encrypted key. Sealed it is nonce,
/// ciphertext and tag, a third shorter than the text, which is made when it is sent.
class ReceiptJwe {
 public:
  static constexpr std::size_t headBytes = crypto::nonceBytes;
  static constexpr std::size_t maxPlainBytes = 768;
  static constexpr std::size_t maxSealedBytes = headBytes + maxPlainBytes + crypto::tagBytes;
  static constexpr std::size_t maxChars = 1160;

  explicit ReceiptJwe(Random& random) : random_(random) {}

  /// Seals in place: the plaintext lies at `buffer + headBytes`, and `buffer` has room for `maxSealedBytes`.
  Status seal(const std::uint8_t replyKey[32], std::uint8_t* buffer, std::size_t plainLength, std::size_t& length);

  /// The text of what seal() left.
  static Status write(crypto::Bytes sealed, char* out, std::size_t capacity, std::size_t& length);

 private:
  Random& random_;
};

}  // namespace esplock

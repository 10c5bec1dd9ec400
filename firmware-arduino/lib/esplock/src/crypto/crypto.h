// The few primitives the door needs, on PSA one-shot calls only: the same source builds on mbedTLS 2.28 and 3.x.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace esplock::crypto {

constexpr std::size_t hashBytes = 32;
constexpr std::size_t aesKeyBytes = 32;
constexpr std::size_t nonceBytes = 12;
constexpr std::size_t tagBytes = 16;

/// Once before anything else; harmless when repeated.
Status start();

Status sha256(const void* data, std::size_t length, std::uint8_t out[hashBytes]);

/// Takes as long for equal as for different input.
bool equalConstantTime(const void* a, const void* b, std::size_t length);

/// Overwrites memory in a way the compiler may not drop.
void wipe(void* data, std::size_t length);

struct Bytes {
  const std::uint8_t* data = nullptr;
  std::size_t length = 0;
};

/// AES-256-GCM; `out` gets ciphertext and then the 16 byte tag. `plain` may lie at `out` itself.
Status gcmEncrypt(const std::uint8_t key[aesKeyBytes], const std::uint8_t nonce[nonceBytes], Bytes aad, Bytes plain,
                  std::uint8_t* out, std::size_t capacity, std::size_t& length);

/// `sealed` is ciphertext followed by the tag, and may lie at `out` itself. Nothing is left in `out` when the tag does not fit.
Status gcmDecrypt(const std::uint8_t key[aesKeyBytes], const std::uint8_t nonce[nonceBytes], Bytes aad, Bytes sealed,
                  std::uint8_t* out, std::size_t capacity, std::size_t& length);

/// RS256 under a PKCS#1 public key; ES256 under an uncompressed P-256 point (65 bytes).
Status verifyRs256(Bytes publicKey, const std::uint8_t hash[hashBytes], Bytes signature);
Status verifyEs256(Bytes publicPoint, const std::uint8_t hash[hashBytes], Bytes signature);

/// Bytes that are wiped when they go out of scope.
template <std::size_t N>
struct Secret {
  std::uint8_t bytes[N] = {};
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(bytes, N); }
};

}  // namespace esplock::crypto

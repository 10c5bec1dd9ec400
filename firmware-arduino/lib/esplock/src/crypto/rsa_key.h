// One RSA key pair. A PSA key carries one algorithm in its policy, so the pair is imported twice: to open envelopes
// (OAEP) and to sign proofs (PKCS#1 v1.5).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "crypto/crypto.h"

namespace esplock::crypto {

class RsaKey {
 public:
  static constexpr std::size_t minBits = 2048;
  static constexpr std::size_t maxBits = 4096;
  static constexpr std::size_t maxModulusBytes = maxBits / 8;
  static constexpr std::size_t maxPrivateDerBytes = 2432;   ///< PKCS#1 of 4096 bits needs 2349 to 2374
  static constexpr std::size_t maxPublicDerBytes = 544;

  RsaKey() = default;
  ~RsaKey() { clear(); }
  RsaKey(const RsaKey&) = delete;
  RsaKey& operator=(const RsaKey&) = delete;

  /// Makes a pair and exports it as PKCS#1 DER. Slow: over 10 s on a board.
  static Status generate(std::size_t bits, std::uint8_t* der, std::size_t capacity, std::size_t& length);

  /// Takes a PKCS#1 private key; replaces what was loaded. Refuses sizes outside 2048 to 4096 bits.
  Status load(Bytes privateDer);
  void clear();
  bool loaded() const { return modulusBytes_ > 0; }
  std::size_t modulusBytes() const { return modulusBytes_; }

  /// PKCS#1 RSAPublicKey.
  Status publicDer(std::uint8_t* out, std::size_t capacity, std::size_t& length) const;

  /// RSA-OAEP with SHA-256. `cipher` must be as long as the modulus.
  Status decryptOaep(Bytes cipher, std::uint8_t* out, std::size_t capacity, std::size_t& length) const;

  Status signRs256(const std::uint8_t hash[hashBytes], std::uint8_t* out, std::size_t capacity,
                   std::size_t& length) const;

 private:
  std::uint32_t decryptId_ = 0;
  std::uint32_t signId_ = 0;
  std::size_t modulusBytes_ = 0;
};

}  // namespace esplock::crypto

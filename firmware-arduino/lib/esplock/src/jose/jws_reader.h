// Reads a compact JWS with the exact header {alg, typ, kid}: what releases are signed as (protocol 12.1). Reading and
// verifying are apart, because the key is chosen by `kid` in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "crypto/crypto.h"
#include "json/reader.h"
#include "workspace/workspace.h"

namespace esplock {

class JwsReader {
 public:
  static constexpr std::size_t maxChars = 4096;
  static constexpr std::size_t maxPayloadBytes = 3072;   ///< whatever fits into maxChars

  explicit JwsReader(Workspace& workspace) : workspace_(workspace) {}

  /// Form only: three canonical parts, `alg` and `typ` as expected, nothing else in the header. No signature checked.
  /// Keeps a view of `jws` for verify.
  Status read(std::string_view jws, std::string_view alg, std::string_view typ);

  std::string_view kid() const { return kid_; }
  /// Not to be believed before verify.
  std::string_view payload() const { return {reinterpret_cast<const char*>(workspace_.room), payloadLength_}; }

  /// The payload as JSON, in the memory the header was read in.
  json::Value parsePayload();

  Status verifyEs256(crypto::Bytes publicPoint) const;
  Status verifyRs256(crypto::Bytes publicKey) const;

 private:
  Status hashInput(std::uint8_t out[crypto::hashBytes]) const;

  static constexpr std::size_t maxSignatureBytes = 512;
  static_assert(maxPayloadBytes + maxSignatureBytes <= Workspace::roomBytes);

  std::uint8_t* signature() const { return workspace_.room + maxPayloadBytes; }

  Workspace& workspace_;
  std::string_view signed_;
  char kid_[64] = {};
  std::size_t payloadLength_ = 0;
  std::size_t signatureLength_ = 0;
};

}  // namespace esplock

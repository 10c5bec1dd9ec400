#include "jose/jws_reader.h"

#include "base/base64url.h"
#include "jose/compact.h"

namespace esplock {

Status JwsReader::read(std::string_view jws, std::string_view alg, std::string_view typ) {
  payloadLength_ = 0;
  if (jws.size() > maxChars) return Status::too_big;
  std::string_view parts[3];
  if (splitCompact(jws, parts, 3) != Status::ok) return Status::malformed;
  std::uint8_t header[192];
  std::size_t headerLength = 0;
  if (base64url::decode(parts[0], header, sizeof header, headerLength) != Status::ok ||
      base64url::decode(parts[2], signature(), maxSignatureBytes, signatureLength_) != Status::ok) {
    return Status::malformed;
  }
  if (workspace_.document.parse({reinterpret_cast<const char*>(header), headerLength}) != Status::ok) return Status::malformed;
  const json::Value root = workspace_.document.root();
  if (!root.isObject() || root.size() != 3 || !root["alg"].equals(alg) || !root["typ"].equals(typ)) {
    return Status::malformed;
  }
  if (root["kid"].cString(kid_, sizeof kid_) != Status::ok) return Status::malformed;
  signed_ = jws.substr(0, parts[0].size() + 1 + parts[1].size());
  return base64url::decode(parts[1], workspace_.room, maxPayloadBytes, payloadLength_);
}

json::Value JwsReader::parsePayload() {
  return workspace_.document.parse(payload()) == Status::ok ? workspace_.document.root() : json::Value();
}

Status JwsReader::hashInput(std::uint8_t out[crypto::hashBytes]) const {
  return crypto::sha256(signed_.data(), signed_.size(), out);
}

Status JwsReader::verifyEs256(crypto::Bytes publicPoint) const {
  std::uint8_t hash[crypto::hashBytes];
  if (hashInput(hash) != Status::ok) return Status::crypto_failed;
  return crypto::verifyEs256(publicPoint, hash, {signature(), signatureLength_});
}

Status JwsReader::verifyRs256(crypto::Bytes publicKey) const {
  std::uint8_t hash[crypto::hashBytes];
  if (hashInput(hash) != Status::ok) return Status::crypto_failed;
  return crypto::verifyRs256(publicKey, hash, {signature(), signatureLength_});
}

}  // namespace esplock

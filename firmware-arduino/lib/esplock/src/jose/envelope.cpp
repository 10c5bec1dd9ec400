#include "jose/envelope.h"

#include <cstring>

#include "base/base64url.h"
#include "jose/compact.h"

namespace esplock {
namespace {

bool isCompact(std::string_view json) {
  // No value of this header holds a space or an escape, so neither may occur at all.
  return json.find_first_of(" \t\r\n\\") == std::string_view::npos;
}

bool readScope(json::Value value, Scope& out) {
  if (value.equals("operate")) out = Scope::operate;
  else if (value.equals("configure")) out = Scope::configure;
  else if (value.equals("query")) out = Scope::query;
  else return false;
  return true;
}

}  // namespace

Status readEnvelopeHeader(std::string_view text, json::Document& scratch, EnvelopeHeader& out) {
  if (!isCompact(text) || scratch.parse(text) != Status::ok) return Status::malformed;
  const json::Value root = scratch.root();
  if (!root.isObject() || root.size() != 8) return Status::malformed;
  if (!root["alg"].equals("RSA-OAEP-256") || !root["enc"].equals("A256GCM")) return Status::malformed;
  if (!root["typ"].equals("openlock-command+jwe")) return Status::malformed;
  if (root["kid"].cString(out.kid, sizeof out.kid) != Status::ok) return Status::malformed;
  if (root["door"].cString(out.door, sizeof out.door) != Status::ok) return Status::malformed;
  if (!readScope(root["scope"], out.scope)) return Status::malformed;
  if (!root["iat"].integer(out.iatMs) || out.iatMs < 0) return Status::malformed;
  if (root["jti"].cString(out.jtiText, sizeof out.jtiText) != Status::ok) return Status::malformed;
  std::size_t length = 0;
  const Status jti = base64url::decode(out.jtiText, out.jti, sizeof out.jti, length);
  return jti == Status::ok && length == sizeof out.jti ? Status::ok : Status::malformed;
}

Status EnvelopeOpener::open(std::string_view jwe, const crypto::RsaKey& key, std::string_view kid) {
  plainLength_ = 0;
  if (!key.loaded() || jwe.size() > maxChars) return Status::crypto_failed;
  if (decodeParts(jwe, key) != Status::ok) return Status::crypto_failed;
  // The key id is public; a message for another key is not worth the RSA operation.
  if (kid != header_.kid) return Status::crypto_failed;
  return decrypt(key);
}

Status EnvelopeOpener::decodeParts(std::string_view jwe, const crypto::RsaKey& key) {
  std::string_view parts[5];
  if (splitCompact(jwe, parts, 5) != Status::ok) return Status::malformed;
  std::size_t headerLength = 0;
  std::size_t nonceLength = 0;
  std::size_t tagLength = 0;
  std::size_t cipherLength = 0;
  protected_ = parts[0];
  if (base64url::decode(parts[0], headerText_, sizeof headerText_, headerLength) != Status::ok ||
      base64url::decode(parts[1], wrapped_, sizeof wrapped_, wrappedLength_) != Status::ok ||
      base64url::decode(parts[2], nonce_, sizeof nonce_, nonceLength) != Status::ok ||
      base64url::decode(parts[3], sealed_, maxPlainBytes, cipherLength) != Status::ok ||
      base64url::decode(parts[4], sealed_ + cipherLength, crypto::tagBytes, tagLength) != Status::ok) {
    return Status::malformed;
  }
  if (wrappedLength_ != key.modulusBytes() || nonceLength != crypto::nonceBytes || tagLength != crypto::tagBytes) {
    return Status::malformed;
  }
  sealedLength_ = cipherLength + tagLength;
  return readEnvelopeHeader({reinterpret_cast<const char*>(headerText_), headerLength}, document_, header_);
}

Status EnvelopeOpener::decrypt(const crypto::RsaKey& key) {
  // A failed unwrapping goes on with a random key, so that it cannot be told from a failed tag (RFC 7516 11.5).
  crypto::Secret<crypto::aesKeyBytes> contentKey;
  crypto::Secret<crypto::RsaKey::maxModulusBytes> unwrapped;
  std::size_t unwrappedLength = 0;
  if (!random_.fill(contentKey.bytes, sizeof contentKey.bytes)) return Status::crypto_failed;
  const Status status =
      key.decryptOaep({wrapped_, wrappedLength_}, unwrapped.bytes, sizeof unwrapped.bytes, unwrappedLength);
  if (status == Status::out_of_memory) return status;   // nothing of the message
  if (status == Status::ok && unwrappedLength == sizeof contentKey.bytes) {
    std::memcpy(contentKey.bytes, unwrapped.bytes, sizeof contentKey.bytes);
  }
  const crypto::Bytes aad{reinterpret_cast<const std::uint8_t*>(protected_.data()), protected_.size()};
  return crypto::gcmDecrypt(contentKey.bytes, nonce_, aad, {sealed_, sealedLength_}, plain_, sizeof plain_,
                            plainLength_);
}

void EnvelopeOpener::wipe() {
  crypto::wipe(plain_, sizeof plain_);
  plainLength_ = 0;
}

}  // namespace esplock

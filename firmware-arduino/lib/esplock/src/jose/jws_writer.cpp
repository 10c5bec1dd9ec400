#include "jose/jws_writer.h"

#include "base/base64url.h"
#include "json/writer.h"

namespace esplock {
namespace {

Status append(const void* data, std::size_t size, char* out, std::size_t capacity, std::size_t& length) {
  std::size_t written = 0;
  const Status status = base64url::encode(static_cast<const std::uint8_t*>(data), size, out + length,
                                          capacity - length, written);
  length += written;
  return status;
}

Status dot(char* out, std::size_t capacity, std::size_t& length) {
  if (length >= capacity) return Status::too_big;
  out[length++] = '.';
  return Status::ok;
}

}  // namespace

Status writeJws(const crypto::RsaKey& key, std::string_view typ, std::string_view kid, std::string_view payload,
                char* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  char header[160];
  json::Writer json(header, sizeof header);
  json.beginObject().member("alg", "RS256").member("typ", typ).member("kid", kid).endObject();
  if (!json.ok()) return Status::too_big;
  if (append(header, json.length(), out, capacity, length) != Status::ok || dot(out, capacity, length) != Status::ok ||
      append(payload.data(), payload.size(), out, capacity, length) != Status::ok) {
    return Status::too_big;
  }
  std::uint8_t hash[crypto::hashBytes];
  std::uint8_t signature[crypto::RsaKey::maxModulusBytes];
  std::size_t signatureLength = 0;
  if (crypto::sha256(out, length, hash) != Status::ok) return Status::crypto_failed;
  const Status signedStatus = key.signRs256(hash, signature, sizeof signature, signatureLength);
  if (signedStatus != Status::ok) return signedStatus;
  if (dot(out, capacity, length) != Status::ok) return Status::too_big;
  return append(signature, signatureLength, out, capacity, length);
}

}  // namespace esplock

#include "jose/receipt_jwe.h"

#include <cstring>

#include "base/base64url.h"
#include "crypto/crypto.h"

namespace esplock {
namespace {

constexpr std::string_view header = R"({"alg":"dir","enc":"A256GCM","typ":"openlock-receipt+jwe"})";

crypto::Bytes bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Appends one base64url part, with a dot before it unless it is the first.
Status append(crypto::Bytes part, bool dot, char* out, std::size_t capacity, std::size_t& length) {
  if (dot) {
    if (length >= capacity) return Status::too_big;
    out[length++] = '.';
  }
  std::size_t written = 0;
  const Status status = base64url::encode(part.data, part.length, out + length, capacity - length, written);
  length += written;
  return status;
}

}  // namespace

Status ReceiptJwe::write(const std::uint8_t replyKey[32], char* plain, std::size_t plainLength, char* out,
                         std::size_t capacity, std::size_t& length) {
  length = 0;
  if (plainLength > maxPlainBytes) return Status::too_big;
  std::uint8_t nonce[crypto::nonceBytes];
  if (!random_.fill(nonce, sizeof nonce)) return Status::crypto_failed;
  if (append(bytesOf(header), false, out, capacity, length) != Status::ok) return Status::too_big;
  const crypto::Bytes aad{reinterpret_cast<const std::uint8_t*>(out), length};
  std::size_t sealedLength = 0;
  auto* const sealed = reinterpret_cast<std::uint8_t*>(plain);
  const Status status =
      crypto::gcmEncrypt(replyKey, nonce, aad, {sealed, plainLength}, sealed, maxSealedBytes, sealedLength);
  if (status != Status::ok) return status;
  const std::size_t cipherLength = sealedLength - crypto::tagBytes;
  if (append({}, true, out, capacity, length) != Status::ok ||
      append({nonce, sizeof nonce}, true, out, capacity, length) != Status::ok ||
      append({sealed, cipherLength}, true, out, capacity, length) != Status::ok) {
    return Status::too_big;
  }
  return append({sealed + cipherLength, crypto::tagBytes}, true, out, capacity, length);
}

}  // namespace esplock

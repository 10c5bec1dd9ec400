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

Status ReceiptJwe::seal(const std::uint8_t replyKey[32], std::uint8_t* buffer, std::size_t plainLength,
                        std::size_t& length) {
  length = 0;
  if (plainLength > maxPlainBytes) return Status::too_big;
  if (!random_.fill(buffer, headBytes)) return Status::crypto_failed;
  char protectedText[base64url::encodedLength(header.size())];
  std::size_t protectedLength = 0;
  if (append(bytesOf(header), false, protectedText, sizeof protectedText, protectedLength) != Status::ok) {
    return Status::too_big;
  }
  std::uint8_t* const text = buffer + headBytes;
  const Status status = crypto::gcmEncrypt(replyKey, buffer, bytesOf({protectedText, protectedLength}), {text, plainLength},
                                           text, maxPlainBytes + crypto::tagBytes, length);
  length += status == Status::ok ? headBytes : 0;
  return status;
}

Status ReceiptJwe::write(crypto::Bytes sealed, char* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  if (sealed.length < headBytes + crypto::tagBytes) return Status::malformed;
  const std::size_t cipherLength = sealed.length - headBytes - crypto::tagBytes;
  const std::uint8_t* const cipher = sealed.data + headBytes;
  if (append(bytesOf(header), false, out, capacity, length) != Status::ok ||
      append({}, true, out, capacity, length) != Status::ok ||
      append({sealed.data, headBytes}, true, out, capacity, length) != Status::ok ||
      append({cipher, cipherLength}, true, out, capacity, length) != Status::ok) {
    return Status::too_big;
  }
  return append({cipher + cipherLength, crypto::tagBytes}, true, out, capacity, length);
}

}  // namespace esplock

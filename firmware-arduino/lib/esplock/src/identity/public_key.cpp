#include "identity/public_key.h"

#include <cstring>

#include "base/base64url.h"
#include "crypto/rsa_key.h"

namespace esplock {
namespace {

/// Reads just enough DER: definite lengths, tags in a fixed order.
class DerReader {
 public:
  explicit DerReader(crypto::Bytes bytes) : at_(bytes.data), left_(bytes.length) {}

  bool enter(std::uint8_t tag, crypto::Bytes& content) {
    if (left_ < 2 || at_[0] != tag) return false;
    std::size_t head = 2;
    std::size_t length = at_[1];
    if (length > 0x80) {
      const std::size_t count = length & 0x7F;
      if (count > 2 || left_ < 2 + count) return false;
      length = 0;
      for (std::size_t i = 0; i < count; ++i) length = (length << 8) | at_[2 + i];
      head += count;
    }
    if (left_ - head < length) return false;
    content = {at_ + head, length};
    at_ += head + length;
    left_ -= head + length;
    return true;
  }

 private:
  const std::uint8_t* at_;
  std::size_t left_;
};

/// A JWK integer has no leading zero (RFC 7518 6.3.1), a DER one may.
crypto::Bytes unsignedOf(crypto::Bytes integer) {
  while (integer.length > 1 && integer.data[0] == 0) {
    ++integer.data;
    --integer.length;
  }
  return integer;
}

bool append(char* out, std::size_t capacity, std::size_t& length, const char* text) {
  const std::size_t size = std::strlen(text);
  if (length + size > capacity) return false;
  std::memcpy(out + length, text, size);
  length += size;
  return true;
}

bool appendBase64url(char* out, std::size_t capacity, std::size_t& length, crypto::Bytes bytes) {
  std::size_t written = 0;
  const Status status = base64url::encode(bytes.data, bytes.length, out + length, capacity - length, written);
  length += written;
  return status == Status::ok;
}

std::size_t putHeader(std::uint8_t* out, std::uint8_t tag, std::size_t length) {
  out[0] = tag;
  if (length < 0x80) {
    out[1] = static_cast<std::uint8_t>(length);
    return 2;
  }
  out[1] = 0x82;
  out[2] = static_cast<std::uint8_t>(length >> 8);
  out[3] = static_cast<std::uint8_t>(length & 0xFF);
  return 4;
}

constexpr std::uint8_t rsaAlgorithm[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86,
                                         0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00};

/// Wraps PKCS#1 into SubjectPublicKeyInfo.
std::size_t wrapSpki(crypto::Bytes publicDer, std::uint8_t* out) {
  std::uint8_t bitHead[8];
  std::size_t bitHeadLength = putHeader(bitHead, 0x03, publicDer.length + 1);
  bitHead[bitHeadLength++] = 0;   // no unused bits
  std::size_t length = putHeader(out, 0x30, sizeof rsaAlgorithm + bitHeadLength + publicDer.length);
  std::memcpy(out + length, rsaAlgorithm, sizeof rsaAlgorithm);
  length += sizeof rsaAlgorithm;
  std::memcpy(out + length, bitHead, bitHeadLength);
  length += bitHeadLength;
  std::memcpy(out + length, publicDer.data, publicDer.length);
  return length + publicDer.length;
}

constexpr char standardAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void encodeGroup(const std::uint8_t* data, std::size_t count, char out[5]) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 3; ++i) bits = (bits << 8) | (i < count ? data[i] : 0U);
  for (std::size_t i = 0; i < 4; ++i) out[i] = i <= count ? standardAlphabet[(bits >> (18 - 6 * i)) & 63U] : '=';
  out[4] = '\0';
}

}  // namespace

Status thumbprint(crypto::Bytes publicDer, char out[kidChars + 1]) {
  crypto::Bytes sequence;
  crypto::Bytes modulus;
  crypto::Bytes exponent;
  if (!DerReader(publicDer).enter(0x30, sequence)) return Status::malformed;
  DerReader inner(sequence);
  if (!inner.enter(0x02, modulus) || !inner.enter(0x02, exponent)) return Status::malformed;
  char json[760];   // 683 characters of modulus at 4096 bits
  std::size_t length = 0;
  if (!append(json, sizeof json, length, "{\"e\":\"") ||
      !appendBase64url(json, sizeof json, length, unsignedOf(exponent)) ||
      !append(json, sizeof json, length, "\",\"kty\":\"RSA\",\"n\":\"") ||
      !appendBase64url(json, sizeof json, length, unsignedOf(modulus)) ||
      !append(json, sizeof json, length, "\"}")) {
    return Status::too_big;
  }
  std::uint8_t hash[crypto::hashBytes];
  if (crypto::sha256(json, length, hash) != Status::ok) return Status::crypto_failed;
  std::size_t written = 0;
  const Status status = base64url::encode(hash, sizeof hash, out, kidChars, written);
  out[written] = '\0';
  return status;
}

Status publicPem(crypto::Bytes publicDer, char* out, std::size_t capacity) {
  std::uint8_t spki[crypto::RsaKey::maxPublicDerBytes + 32];
  if (publicDer.length < 128 || publicDer.length > crypto::RsaKey::maxPublicDerBytes) return Status::invalid_value;
  const std::size_t spkiLength = wrapSpki(publicDer, spki);
  std::size_t length = 0;
  const std::size_t usable = capacity - 1;
  if (!append(out, usable, length, "-----BEGIN PUBLIC KEY-----\n")) return Status::too_big;
  for (std::size_t i = 0; i < spkiLength; i += 3) {
    char group[5];
    encodeGroup(spki + i, spkiLength - i < 3 ? spkiLength - i : 3, group);
    if (!append(out, usable, length, group)) return Status::too_big;
    if ((i + 3) % 48 == 0 && i + 3 < spkiLength && !append(out, usable, length, "\n")) return Status::too_big;
  }
  if (!append(out, usable, length, "\n-----END PUBLIC KEY-----\n")) return Status::too_big;
  out[length] = '\0';
  return Status::ok;
}

}  // namespace esplock

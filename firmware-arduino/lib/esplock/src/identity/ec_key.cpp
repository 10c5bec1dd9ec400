#include "identity/ec_key.h"

#include <cstring>

#include "base/base64url.h"
#include "json/writer.h"

namespace esplock {
namespace {

/// SubjectPublicKeyInfo of every P-256 key up to its point: id-ecPublicKey, prime256v1, a BIT STRING of 65 bytes.
constexpr std::uint8_t spkiHead[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
                                     0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
constexpr std::size_t spkiBytes = sizeof spkiHead + ecPointBytes;
constexpr std::size_t coordinateBytes = 32;
constexpr std::size_t coordinateChars = 43;

constexpr std::string_view pemHead = "-----BEGIN PUBLIC KEY-----";
constexpr std::string_view pemFoot = "-----END PUBLIC KEY-----";

/// PEM's base64 as base64url: the other two characters, no line ends, no padding.
bool toBase64url(std::string_view body, char* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  for (const char c : body) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '=') continue;
    if (c == '-' || c == '_' || length == capacity) return false;
    out[length++] = c == '+' ? '-' : (c == '/' ? '_' : c);
  }
  return true;
}

}  // namespace

Status readEcPublicPem(std::string_view pem, std::uint8_t point[ecPointBytes]) {
  const std::size_t head = pem.find(pemHead);
  const std::size_t foot = pem.find(pemFoot);
  if (head == std::string_view::npos || foot == std::string_view::npos || foot < head + pemHead.size()) {
    return Status::malformed;
  }
  const std::string_view body = pem.substr(head + pemHead.size(), foot - head - pemHead.size());
  char text[base64url::encodedLength(spkiBytes)];
  std::uint8_t der[spkiBytes];
  std::size_t textLength = 0;
  std::size_t length = 0;
  if (!toBase64url(body, text, sizeof text, textLength)) return Status::malformed;
  if (base64url::decode({text, textLength}, der, sizeof der, length) != Status::ok) return Status::malformed;
  if (length != spkiBytes || std::memcmp(der, spkiHead, sizeof spkiHead) != 0) return Status::malformed;
  if (der[sizeof spkiHead] != 0x04) return Status::malformed;
  std::memcpy(point, der + sizeof spkiHead, ecPointBytes);
  return Status::ok;
}

Status ecThumbprint(const std::uint8_t point[ecPointBytes], char out[kidChars + 1]) {
  char x[coordinateChars];
  char y[coordinateChars];
  std::size_t length = 0;
  Status status = base64url::encode(point + 1, coordinateBytes, x, sizeof x, length);
  if (status == Status::ok) {
    status = base64url::encode(point + 1 + coordinateBytes, coordinateBytes, y, sizeof y, length);
  }
  if (status != Status::ok) return status;
  char text[160];
  json::Writer json(text, sizeof text);
  json.beginObject().member("crv", "P-256").member("kty", "EC");
  json.member("x", std::string_view(x, sizeof x)).member("y", std::string_view(y, sizeof y)).endObject();
  std::uint8_t hash[crypto::hashBytes];
  status = crypto::sha256(json.view().data(), json.view().size(), hash);
  if (status != Status::ok) return status;
  status = base64url::encode(hash, sizeof hash, out, kidChars, length);
  out[status == Status::ok ? length : 0] = '\0';
  return status;
}

}  // namespace esplock

#include "identity/proof.h"

#include "jose/jws_writer.h"
#include "json/writer.h"

namespace esplock {
namespace {

void hexOf(const std::uint8_t digest[32], char out[64]) {
  constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < 32; ++i) {
    out[2 * i] = digits[digest[i] >> 4];
    out[2 * i + 1] = digits[digest[i] & 15];
  }
}

}  // namespace

Status RegistrationWriter::writeProof(const crypto::RsaKey& key, std::string_view kid,
                                      const RegistrationInput& input) {
  json::Writer json(payload(), maxPayloadBytes);
  json.beginObject().member("door", input.doorId).member("nonce", input.nonce).member("aud", input.audience);
  json.name("firmware").beginObject().member("version", input.version).member("board", input.board);
  json.member("securityVersion", static_cast<std::int64_t>(input.securityVersion));
  if (input.imageDigest != nullptr) {
    char hex[64];
    hexOf(input.imageDigest, hex);
    json.member("sha256", std::string_view(hex, sizeof hex));
  }
  json.endObject().endObject();
  if (!json.ok()) return Status::too_big;
  return writeJws(key, "openlock-proof+jws", kid, json.view(), proof(), maxProofChars, proofLength_);
}

Status RegistrationWriter::writeRotation(const KeyRing& keys, const RegistrationInput& input) {
  json::Writer json(payload(), maxPayloadBytes);
  json.beginObject().member("door", input.doorId).member("nonce", input.nonce);
  json.member("newKid", keys.spareKid()).endObject();
  if (!json.ok()) return Status::too_big;
  return writeJws(keys.current(), "openlock-rotation+jws", keys.kid(), json.view(), rotation(), maxRotationChars,
                  rotationLength_);
}

Status RegistrationWriter::write(const KeyRing& keys, const RegistrationInput& input, char* out, std::size_t capacity,
                                 std::size_t& length) {
  length = 0;
  const bool rotating = keys.rotating();
  const crypto::RsaKey& key = rotating ? keys.spare() : keys.current();
  std::uint8_t publicDer[crypto::RsaKey::maxPublicDerBytes];
  std::size_t publicLength = 0;
  Status status = key.publicDer(publicDer, sizeof publicDer, publicLength);
  if (status == Status::ok) status = publicPem({publicDer, publicLength}, pem(), maxPublicPemChars);
  if (status == Status::ok) status = writeProof(key, rotating ? keys.spareKid() : keys.kid(), input);
  if (status == Status::ok && rotating) status = writeRotation(keys, input);
  if (status != Status::ok) return status;
  json::Writer json(out, capacity);
  json.beginObject().member("doorId", input.doorId).member("publicKey", pem());
  json.member("proof", std::string_view(proof(), proofLength_));
  if (!input.enrolmentToken.empty()) json.member("enrolmentToken", input.enrolmentToken);
  if (rotating) json.member("rotation", std::string_view(rotation(), rotationLength_));
  json.endObject();
  length = json.length();
  return json.ok() ? Status::ok : Status::too_big;
}

}  // namespace esplock

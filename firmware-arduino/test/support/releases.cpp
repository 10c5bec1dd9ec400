#include "support/releases.h"

#include <psa/crypto.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "identity/ec_key.h"

namespace releases {
namespace {

using namespace esplock;

std::string base64Of(const Bytes& bytes) {
  std::string text = envelopes::encode(bytes);
  for (char& c : text) c = c == '-' ? '+' : (c == '_' ? '/' : c);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

Key made() {
  crypto::start();
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
  psa_set_key_bits(&attributes, 256);
  psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_HASH);
  psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_SHA_256));
  psa_key_id_t id = 0;
  if (psa_generate_key(&attributes, &id) != PSA_SUCCESS) std::abort();
  constexpr std::uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
                                   0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
  Bytes spki(sizeof head + ecPointBytes);
  std::memcpy(spki.data(), head, sizeof head);
  std::uint8_t* const point = spki.data() + sizeof head;
  std::size_t length = 0;
  if (psa_export_public_key(id, point, ecPointBytes, &length) != PSA_SUCCESS) std::abort();
  const std::string body = base64Of(spki);
  char kid[kidChars + 1] = {};
  ecThumbprint(point, kid);
  return {id, "-----BEGIN PUBLIC KEY-----\n" + body.substr(0, 64) + "\n" + body.substr(64) + "\n-----END PUBLIC KEY-----\n",
          kid};
}

}  // namespace

const Key& key(const std::string& name) {
  static std::map<std::string, Key> keys;
  const auto found = keys.find(name);
  return found != keys.end() ? found->second : keys.emplace(name, made()).first->second;
}

Bytes image(std::size_t size, std::uint32_t seed) {
  Bytes bytes(size);
  std::uint32_t state = seed * 2'654'435'761U + 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1'664'525U + 1'013'904'223U;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return bytes;
}

Bytes digestOf(const Bytes& image) {
  Bytes digest(crypto::hashBytes);
  if (crypto::sha256(image.data(), image.size(), digest.data()) != Status::ok) std::abort();
  return digest;
}

std::string hexOf(const Bytes& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

Spec specOf(const Bytes& image) {
  Spec spec;
  spec.size = static_cast<std::int64_t>(image.size());
  spec.sha256 = hexOf(digestOf(image));
  return spec;
}

std::string payloadOf(const Spec& spec) {
  return R"({"product":")" + spec.product + R"(","board":")" + spec.board + R"(","version":")" + spec.version +
         R"(","securityVersion":)" + std::to_string(spec.securityVersion) + R"(,"size":)" + std::to_string(spec.size) +
         R"(,"sha256":")" + spec.sha256 + R"(","createdAt":)" + std::to_string(spec.createdAt) + R"(,"expiresAt":)" +
         std::to_string(spec.expiresAt) + "}";
}

std::string sign(const Spec& spec) {
  const Key& signer = key(spec.signer);
  const std::string header = spec.header.empty()
                                 ? R"({"alg":"ES256","typ":"openlock-release+jws","kid":")" + signer.kid + R"("})"
                                 : spec.header;
  const std::string text = envelopes::encode(header) + "." +
                           envelopes::encode(spec.payload.empty() ? payloadOf(spec) : spec.payload);
  std::uint8_t hash[crypto::hashBytes];
  Bytes signature(64);
  std::size_t length = 0;
  const bool good = crypto::sha256(text.data(), text.size(), hash) == Status::ok &&
                    psa_sign_hash(signer.psaId, PSA_ALG_ECDSA(PSA_ALG_SHA_256), hash, sizeof hash, signature.data(),
                                  signature.size(), &length) == PSA_SUCCESS;
  if (!good) std::abort();
  return text + "." + envelopes::encode(signature);
}

}  // namespace releases

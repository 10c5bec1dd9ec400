#include "support/envelopes.h"

#include <psa/crypto.h>

#include <cstdlib>

#include "base/base64url.h"
#include "identity/public_key.h"
#include "jose/compact.h"

namespace envelopes {
namespace {

using namespace esplock;

Bytes generated() {
  crypto::start();
  Bytes der(crypto::RsaKey::maxPrivateDerBytes);
  std::size_t length = 0;
  if (crypto::RsaKey::generate(2048, der.data(), der.size(), length) != Status::ok) std::abort();
  der.resize(length);
  return der;
}

Bytes wrap(const Bytes& publicDer, const Bytes& contentKey) {
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_RSA_PUBLIC_KEY);
  psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_ENCRYPT);
  psa_set_key_algorithm(&attributes, PSA_ALG_RSA_OAEP(PSA_ALG_SHA_256));
  psa_key_id_t id = 0;
  if (psa_import_key(&attributes, publicDer.data(), publicDer.size(), &id) != PSA_SUCCESS) std::abort();
  Bytes out(512);
  std::size_t length = 0;
  const psa_status_t status = psa_asymmetric_encrypt(id, PSA_ALG_RSA_OAEP(PSA_ALG_SHA_256), contentKey.data(),
                                                     contentKey.size(), nullptr, 0, out.data(), out.size(), &length);
  psa_destroy_key(id);
  if (status != PSA_SUCCESS) std::abort();
  out.resize(length);
  return out;
}

std::string headerOf(const Spec& spec, const std::string& jti) {
  if (!spec.header.empty()) return spec.header;
  const std::string kid = spec.kid.empty() ? kidOf(doorKeyDer()) : spec.kid;
  return R"({"alg":"RSA-OAEP-256","enc":"A256GCM","typ":"openlock-command+jwe","kid":")" + kid + R"(","door":")" +
         spec.door + R"(","scope":")" + spec.scope + R"(","iat":)" + std::to_string(spec.iatMs) + R"(,"jti":")" + jti +
         R"("})";
}

std::string plainOf(const Spec& spec) {
  if (!spec.plain.empty()) return spec.plain;
  std::string text = R"({"act":")" + spec.act + R"(","credential":{"type":"password","password":")" + spec.password +
                     R"("},"replyKey":")" + encode(spec.replyKey) + "\"";
  if (!spec.params.empty()) text += ",\"params\":" + spec.params;
  if (!spec.challenge.empty()) text += R"(,"challenge":")" + spec.challenge + "\"";
  return text + "}";
}

}  // namespace

std::string encode(const Bytes& bytes) {
  std::string text(base64url::encodedLength(bytes.size()), '\0');
  std::size_t length = 0;
  base64url::encode(bytes.data(), bytes.size(), text.data(), text.size(), length);
  return text;
}

std::string encode(const std::string& text) { return encode(Bytes(text.begin(), text.end())); }

Bytes decode(const std::string& text) {
  Bytes bytes(text.size() + 4);
  std::size_t length = 0;
  base64url::decode(text, bytes.data(), bytes.size(), length);
  bytes.resize(length);
  return bytes;
}

const Bytes& doorKeyDer() {
  static const Bytes der = generated();
  return der;
}

const Bytes& spareKeyDer() {
  static const Bytes der = generated();
  return der;
}

Bytes publicDerOf(const Bytes& privateDer) {
  crypto::start();
  crypto::RsaKey key;
  if (key.load({privateDer.data(), privateDer.size()}) != Status::ok) std::abort();
  Bytes out(crypto::RsaKey::maxPublicDerBytes);
  std::size_t length = 0;
  key.publicDer(out.data(), out.size(), length);
  out.resize(length);
  return out;
}

std::string kidOf(const Bytes& privateDer) {
  const Bytes der = publicDerOf(privateDer);
  char kid[kidChars + 1] = {};
  thumbprint({der.data(), der.size()}, kid);
  return kid;
}

Made make(const Spec& spec) {
  static std::uint8_t counter = 0;
  static std::uint8_t page = 0;
  if (++counter == 0) ++page;
  Bytes jti = spec.jti;
  if (jti.empty()) {
    jti = Bytes(16, counter);
    jti[0] = page;
  }
  static const Bytes publicDer = publicDerOf(doorKeyDer());
  const std::string header = encode(headerOf(spec, encode(jti)));
  const Bytes nonce(12, 3);
  const std::string plain = plainOf(spec);
  Bytes sealed(plain.size() + 16);
  std::size_t length = 0;
  Bytes key = spec.contentKey;
  key.resize(32);
  crypto::gcmEncrypt(key.data(), nonce.data(), {reinterpret_cast<const std::uint8_t*>(header.data()), header.size()},
                     {reinterpret_cast<const std::uint8_t*>(plain.data()), plain.size()}, sealed.data(), sealed.size(),
                     length);
  const Bytes tag(sealed.end() - 16, sealed.end());
  sealed.resize(sealed.size() - 16);
  return {header + "." + encode(wrap(publicDer, spec.contentKey)) + "." + encode(nonce) + "." + encode(sealed) + "." +
              encode(tag),
          encode(jti), spec.replyKey};
}

std::string openReceipt(const std::string& receipt, const Bytes& replyKey) {
  std::string_view parts[5];
  if (splitCompact(receipt, parts, 5) != Status::ok || !parts[1].empty()) return {};
  const Bytes nonce = decode(std::string(parts[2]));
  Bytes sealed = decode(std::string(parts[3]));
  const Bytes tag = decode(std::string(parts[4]));
  sealed.insert(sealed.end(), tag.begin(), tag.end());
  Bytes plain(sealed.size());
  std::size_t length = 0;
  const Status status = crypto::gcmDecrypt(
      replyKey.data(), nonce.data(), {reinterpret_cast<const std::uint8_t*>(parts[0].data()), parts[0].size()},
      {sealed.data(), sealed.size()}, plain.data(), plain.size(), length);
  return status == Status::ok ? std::string(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(length))
                              : std::string();
}

}  // namespace envelopes

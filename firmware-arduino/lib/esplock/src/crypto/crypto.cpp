#include "crypto/crypto.h"

#include "crypto/psa_status.h"

namespace esplock::crypto {
namespace {

Status importVolatile(psa_key_type_t type, psa_key_usage_t usage, psa_algorithm_t algorithm, Bytes material,
                      psa_key_id_t& id) {
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, type);
  psa_set_key_usage_flags(&attributes, usage);
  psa_set_key_algorithm(&attributes, algorithm);
  const psa_status_t status = psa_import_key(&attributes, material.data, material.length, &id);
  psa_reset_key_attributes(&attributes);
  return statusOf(status);
}

Status verify(psa_key_type_t type, psa_algorithm_t algorithm, Bytes key, const std::uint8_t* hash, Bytes signature) {
  psa_key_id_t id = 0;
  const Status imported = importVolatile(type, PSA_KEY_USAGE_VERIFY_HASH, algorithm, key, id);
  if (imported != Status::ok) return imported;
  const psa_status_t status = psa_verify_hash(id, algorithm, hash, hashBytes, signature.data, signature.length);
  psa_destroy_key(id);
  return statusOf(status);
}

}  // namespace

Status start() { return statusOf(psa_crypto_init()); }

Status sha256(const void* data, std::size_t length, std::uint8_t out[hashBytes]) {
  std::size_t written = 0;
  const psa_status_t status = psa_hash_compute(PSA_ALG_SHA_256, static_cast<const std::uint8_t*>(data), length, out,
                                               hashBytes, &written);
  return status == PSA_SUCCESS && written == hashBytes ? Status::ok : Status::crypto_failed;
}

bool equalConstantTime(const void* a, const void* b, std::size_t length) {
  const auto* x = static_cast<const volatile std::uint8_t*>(a);
  const auto* y = static_cast<const volatile std::uint8_t*>(b);
  unsigned difference = 0;
  for (std::size_t i = 0; i < length; ++i) difference |= static_cast<unsigned>(x[i] ^ y[i]);
  return difference == 0;
}

void wipe(void* data, std::size_t length) {
  auto* bytes = static_cast<volatile std::uint8_t*>(data);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = 0;
}

Status gcmEncrypt(const std::uint8_t key[aesKeyBytes], const std::uint8_t nonce[nonceBytes], Bytes aad, Bytes plain,
                  std::uint8_t* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  psa_key_id_t id = 0;
  const Status imported = importVolatile(PSA_KEY_TYPE_AES, PSA_KEY_USAGE_ENCRYPT, PSA_ALG_GCM, {key, aesKeyBytes}, id);
  if (imported != Status::ok) return imported;
  const psa_status_t status = psa_aead_encrypt(id, PSA_ALG_GCM, nonce, nonceBytes, aad.data, aad.length, plain.data,
                                               plain.length, out, capacity, &length);
  psa_destroy_key(id);
  return statusOf(status);
}

Status gcmDecrypt(const std::uint8_t key[aesKeyBytes], const std::uint8_t nonce[nonceBytes], Bytes aad, Bytes sealed,
                  std::uint8_t* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  psa_key_id_t id = 0;
  const Status imported = importVolatile(PSA_KEY_TYPE_AES, PSA_KEY_USAGE_DECRYPT, PSA_ALG_GCM, {key, aesKeyBytes}, id);
  if (imported != Status::ok) return imported;
  const psa_status_t status = psa_aead_decrypt(id, PSA_ALG_GCM, nonce, nonceBytes, aad.data, aad.length, sealed.data,
                                               sealed.length, out, capacity, &length);
  psa_destroy_key(id);
  if (status == PSA_SUCCESS) return Status::ok;
  wipe(out, capacity);
  length = 0;
  return statusOf(status);
}

Status verifyRs256(Bytes publicKey, const std::uint8_t hash[hashBytes], Bytes signature) {
  return verify(PSA_KEY_TYPE_RSA_PUBLIC_KEY, PSA_ALG_RSA_PKCS1V15_SIGN(PSA_ALG_SHA_256), publicKey, hash, signature);
}

Status verifyEs256(Bytes publicPoint, const std::uint8_t hash[hashBytes], Bytes signature) {
  return verify(PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1), PSA_ALG_ECDSA(PSA_ALG_SHA_256), publicPoint, hash,
                signature);
}

}  // namespace esplock::crypto

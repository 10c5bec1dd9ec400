#include "crypto/rsa_key.h"

#include "crypto/psa_status.h"

namespace esplock::crypto {
namespace {

constexpr psa_algorithm_t oaep = PSA_ALG_RSA_OAEP(PSA_ALG_SHA_256);
constexpr psa_algorithm_t rs256 = PSA_ALG_RSA_PKCS1V15_SIGN(PSA_ALG_SHA_256);

Status importPair(Bytes der, psa_key_usage_t usage, psa_algorithm_t algorithm, std::uint32_t& outId,
                  std::size_t& outBits) {
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_RSA_KEY_PAIR);
  psa_set_key_usage_flags(&attributes, usage);
  psa_set_key_algorithm(&attributes, algorithm);
  psa_key_id_t id = 0;
  psa_status_t status = psa_import_key(&attributes, der.data, der.length, &id);
  psa_reset_key_attributes(&attributes);
  if (status != PSA_SUCCESS) return statusOf(status);
  status = psa_get_key_attributes(id, &attributes);
  outBits = psa_get_key_bits(&attributes);
  psa_reset_key_attributes(&attributes);
  outId = id;
  return statusOf(status);
}

}  // namespace

Status RsaKey::generate(std::size_t bits, std::uint8_t* der, std::size_t capacity, std::size_t& length) {
  length = 0;
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_RSA_KEY_PAIR);   // the public exponent is 65537 unless told otherwise
  psa_set_key_bits(&attributes, bits);
  psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT | PSA_KEY_USAGE_SIGN_HASH);
  psa_set_key_algorithm(&attributes, rs256);
  psa_key_id_t id = 0;
  psa_status_t status = psa_generate_key(&attributes, &id);
  psa_reset_key_attributes(&attributes);
  if (status != PSA_SUCCESS) return statusOf(status);
  status = psa_export_key(id, der, capacity, &length);
  psa_destroy_key(id);
  return statusOf(status);
}

Status RsaKey::load(Bytes privateDer) {
  clear();
  std::size_t bits = 0;
  Status status = importPair(privateDer, PSA_KEY_USAGE_DECRYPT, oaep, decryptId_, bits);
  if (status == Status::ok) status = importPair(privateDer, PSA_KEY_USAGE_SIGN_HASH, rs256, signId_, bits);
  if (status == Status::ok && (bits < minBits || bits > maxBits || bits % 8 != 0)) status = Status::invalid_value;
  if (status != Status::ok) {
    clear();
    return status;
  }
  modulusBytes_ = bits / 8;
  return Status::ok;
}

void RsaKey::clear() {
  if (decryptId_ != 0) psa_destroy_key(decryptId_);
  if (signId_ != 0) psa_destroy_key(signId_);
  decryptId_ = 0;
  signId_ = 0;
  modulusBytes_ = 0;
}

Status RsaKey::publicDer(std::uint8_t* out, std::size_t capacity, std::size_t& length) const {
  length = 0;
  if (!loaded()) return Status::not_found;
  return statusOf(psa_export_public_key(signId_, out, capacity, &length));
}

Status RsaKey::decryptOaep(Bytes cipher, std::uint8_t* out, std::size_t capacity, std::size_t& length) const {
  length = 0;
  if (!loaded()) return Status::not_found;
  const psa_status_t status =
      psa_asymmetric_decrypt(decryptId_, oaep, cipher.data, cipher.length, nullptr, 0, out, capacity, &length);
  return statusOf(status);
}

Status RsaKey::signRs256(const std::uint8_t hash[hashBytes], std::uint8_t* out, std::size_t capacity,
                         std::size_t& length) const {
  length = 0;
  if (!loaded()) return Status::not_found;
  return statusOf(psa_sign_hash(signId_, rs256, hash, hashBytes, out, capacity, &length));
}

}  // namespace esplock::crypto

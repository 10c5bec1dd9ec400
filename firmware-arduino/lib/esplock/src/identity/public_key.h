#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "crypto/crypto.h"

namespace esplock {

constexpr std::size_t kidChars = 43;
constexpr std::size_t maxPublicPemChars = 840;   ///< 4096 bits need 800

/// RFC 7638 SHA-256 thumbprint of an RSA public key given as PKCS#1 DER (protocol 4.2); terminated.
Status thumbprint(crypto::Bytes publicDer, char out[kidChars + 1]);

/// The same key as SubjectPublicKeyInfo PEM, with a final newline; terminated.
Status publicPem(crypto::Bytes publicDer, char* out, std::size_t capacity);

}  // namespace esplock

// The public half of a release key (protocol 12.1): P-256, as SubjectPublicKeyInfo in PEM.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "identity/public_key.h"

namespace esplock {

constexpr std::size_t ecPointBytes = 65;   ///< uncompressed: 04, x, y

/// The point of a PEM that holds exactly a P-256 public key; `malformed` for anything else. That the point lies on the
/// curve is checked when it is used.
Status readEcPublicPem(std::string_view pem, std::uint8_t point[ecPointBytes]);

/// RFC 7638 SHA-256 thumbprint of the key's JWK; terminated.
Status ecThumbprint(const std::uint8_t point[ecPointBytes], char out[kidChars + 1]);

}  // namespace esplock

#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.h"
#include "crypto/rsa_key.h"

namespace esplock {

/// Writes a compact JWS, RS256, with the header `{"alg":"RS256","typ":<typ>,"kid":<kid>}` (protocol 4.4).
Status writeJws(const crypto::RsaKey& key, std::string_view typ, std::string_view kid, std::string_view payload,
                char* out, std::size_t capacity, std::size_t& length);

}  // namespace esplock

// base64url without padding, canonical only (RFC 4648 section 5; docs/protocol.md, "Words").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace esplock::base64url {

constexpr std::size_t encodedLength(std::size_t bytes) { return (bytes * 4 + 2) / 3; }
constexpr std::size_t maxDecodedLength(std::size_t chars) { return chars / 4 * 3 + 2; }

/// Padding, white space, foreign characters and non-zero trailing bits are `malformed`: one value, one spelling.
Status decode(std::string_view text, std::uint8_t* out, std::size_t capacity, std::size_t& length);

/// True when `text` would decode; looks at it only.
bool isCanonical(std::string_view text);

/// Writes `encodedLength(length)` characters, no terminator.
Status encode(const std::uint8_t* data, std::size_t length, char* out, std::size_t capacity, std::size_t& outLength);

}  // namespace esplock::base64url

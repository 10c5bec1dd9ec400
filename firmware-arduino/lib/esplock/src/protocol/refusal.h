#pragma once

#include <cstdint>

namespace esplock {

/// How a relay refuses what was asked of it over HTTP, an upgrade included (protocol 9).
enum class Refusal : std::uint8_t {
  none,          ///< it did not
  no_answer,     ///< there was no answer of HTTP at all
  credentials,   ///< 401: token or proof
  door,          ///< 403: the door itself, or its key
  conflict,      ///< 409: the relay holds another key
  other,
};

/// For adapters that speak HTTP; 0 is `no_answer`.
Refusal refusalOfStatus(int httpStatus);

const char* textOf(Refusal refusal);

}  // namespace esplock

#pragma once

#include <cstdint>

namespace board {

enum class EfuseKey : std::uint8_t {
  absent,    ///< the chip has no HMAC block, or its owner burnt no key into it
  derived,
  failed,    ///< a key is burnt, but the chip does not answer
};

/// The sealing key as HMAC-SHA-256 of a fixed label under an eFuse key of purpose HMAC_UP, which no software can read.
/// The firmware never burns fuses itself: that is the owner's to do, once, and cannot be undone (docs/door.md).
EfuseKey efuseSealingKey(std::uint8_t out[32]);

}  // namespace board

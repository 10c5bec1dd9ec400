#pragma once

#include "ports/random.h"

namespace board {

/// The hardware generator. It is one only while the radio feeds it noise; without it the port says no, and the core
/// makes no key and sends no frame rather than one that can be guessed.
class EspRandom final : public esplock::Random {
 public:
  bool fill(std::uint8_t* out, std::size_t length) override;
};

}  // namespace board

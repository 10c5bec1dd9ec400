#pragma once

#include <cstddef>
#include <cstdint>

namespace esplock {

class Random {
 public:
  virtual ~Random() = default;

  /// Fills `out` with cryptographic randomness (board: esp_fill_random with the radio on; host: getrandom).
  /// False means no randomness can be had; the core then refuses whatever needed it.
  virtual bool fill(std::uint8_t* out, std::size_t length) = 0;
};

}  // namespace esplock

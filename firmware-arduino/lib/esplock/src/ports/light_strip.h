#pragma once

#include <cstdint>

namespace esplock {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;

  friend constexpr bool operator==(const Colour& a, const Colour& b) {
    return a.red == b.red && a.green == b.green && a.blue == b.blue;
  }
};

class LightStrip {
 public:
  virtual ~LightStrip() = default;

  /// Shows one colour on all pixels until the next call; black is off. Called on changes only; must not block.
  virtual void show(Colour colour) = 0;
};

}  // namespace esplock

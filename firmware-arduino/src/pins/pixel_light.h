#pragma once

#include <Adafruit_NeoPixel.h>

#include "ports/light_strip.h"

namespace board {

class PixelLight final : public esplock::LightStrip {
 public:
  PixelLight(int pin, std::uint16_t pixels);

  void begin();
  void show(esplock::Colour colour) override;

 private:
  Adafruit_NeoPixel strip_;
};

}  // namespace board

#include "pins/pixel_light.h"

namespace board {

PixelLight::PixelLight(int pin, std::uint16_t pixels)
    : strip_(pixels, static_cast<std::int16_t>(pin), NEO_GRB + NEO_KHZ800) {}

void PixelLight::begin() {
  strip_.begin();
  show({});   // pixels keep their colour across a restart of the chip
}

void PixelLight::show(esplock::Colour colour) {
  strip_.fill(Adafruit_NeoPixel::Color(colour.red, colour.green, colour.blue));
  strip_.show();   // 30 us a pixel
}

}  // namespace board

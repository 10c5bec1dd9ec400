#pragma once
#include <cstdint>
#include "stub_world.h"
#define NEO_GRB 0x52
#define NEO_KHZ800 0x0000
typedef uint16_t neoPixelType;
class Adafruit_NeoPixel {
 public:
  Adafruit_NeoPixel(uint16_t count, int16_t, neoPixelType = NEO_GRB + NEO_KHZ800) : count_(count) {}
  void begin() {}
  void fill(uint32_t colour = 0) { next_.assign(count_, colour); }
  void show() { stub::world().pixels = next_; }
  static uint32_t Color(uint8_t r, uint8_t g, uint8_t b) {
    return (static_cast<uint32_t>(r) << 16) | (static_cast<uint32_t>(g) << 8) | b;
  }

 private:
  uint16_t count_;
  std::vector<uint32_t> next_;
};

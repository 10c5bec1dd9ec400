// Mirrors Adafruit_NeoPixel.h of Adafruit NeoPixel 1.15.2.
#pragma once
#include <cstdint>
#include "stub_world.h"
#define NEO_GRB ((1 << 6) | (1 << 4) | (0 << 2) | (2))
#define NEO_KHZ800 0x0000
typedef uint16_t neoPixelType;
class Adafruit_NeoPixel {
 public:
  Adafruit_NeoPixel(uint16_t n, int16_t pin = 6, neoPixelType type = NEO_GRB + NEO_KHZ800) : count_(n) {
    static_cast<void>(pin);
    static_cast<void>(type);
  }
  Adafruit_NeoPixel(void) {}
  ~Adafruit_NeoPixel() {}
  bool begin(void) { return true; }
  void show(void) { stub::world().pixels = next_; }
  void fill(uint32_t c = 0, uint16_t first = 0, uint16_t count = 0) {
    static_cast<void>(first);
    static_cast<void>(count);   // 0: to the end
    next_.assign(count_, c);
  }
  static uint32_t Color(uint8_t r, uint8_t g, uint8_t b) {
    return (static_cast<uint32_t>(r) << 16) | (static_cast<uint32_t>(g) << 8) | b;
  }
  static uint32_t Color(uint8_t r, uint8_t g, uint8_t b, uint8_t w) {
    return (static_cast<uint32_t>(w) << 24) | Color(r, g, b);
  }

 private:
  uint16_t count_ = 0;
  std::vector<uint32_t> next_;
};

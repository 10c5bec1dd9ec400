// Which pins of a chip may carry what, from ESP-IDF's documentation (GPIO summary of each chip) and the data sheets.
#pragma once

#include <cstdint>

namespace board {

constexpr int noPin = -1;

struct PinMap {
  const char* board;   ///< the name in proofs and release manifests (protocol 4.4, 12.1)
  int relay;
  int light;           ///< data line of the NeoPixel strip
  int contact;         ///< reed switch to ground, closed while the leaf is shut
  int tamper;          ///< switch to ground, closed while the case is shut
  int button;          ///< push button to ground; held for ten seconds it makes the door new
  int onBoardPixel;    ///< where the board has a pixel of its own; `noPin`: none
};

constexpr std::uint64_t pinBit(int pin) { return pin < 0 ? 0 : std::uint64_t{1} << static_cast<unsigned>(pin); }
constexpr std::uint64_t pinRange(int first, int last) {
  std::uint64_t bits = 0;
  for (int pin = first; pin <= last; ++pin) bits |= pinBit(pin);
  return bits;
}

struct ChipPins {
  int count;
  std::uint64_t missing;     ///< numbers within `count` that are no pin
  std::uint64_t strapping;   ///< read at reset: they decide how the chip starts
  std::uint64_t flash;       ///< flash and PSRAM, or their supply
  std::uint64_t serial;      ///< UART0 and the USB pair: flashing and the console
  std::uint64_t inputOnly;   ///< without a driver and without pull-ups
  std::uint64_t restless;    ///< show pulses between power-on and the first instruction
};

constexpr ChipPins esp32{40,
                         pinBit(20) | pinBit(24) | pinRange(28, 31),
                         pinBit(0) | pinBit(2) | pinBit(5) | pinBit(12) | pinBit(15),
                         pinRange(6, 11) | pinRange(16, 17),
                         pinBit(1) | pinBit(3),
                         pinRange(34, 39),
                         pinBit(1) | pinBit(3) | pinBit(5) | pinBit(14) | pinBit(15)};
constexpr ChipPins esp32S3{49,
                           pinRange(22, 25),
                           pinBit(0) | pinBit(3) | pinBit(45) | pinBit(46),
                           pinRange(26, 37),
                           pinRange(19, 20) | pinRange(43, 44),
                           0,
                           pinRange(1, 20)};
constexpr ChipPins esp32C3{22,
                           0,
                           pinBit(2) | pinBit(8) | pinBit(9),
                           pinRange(11, 17),
                           pinRange(18, 21),
                           0,
                           0};

/// What is wrong with a table on a chip; null: nothing.
constexpr const char* pinFault(const PinMap& map, const ChipPins& chip) {
  const int all[] = {map.relay, map.light, map.contact, map.tamper, map.button};
  std::uint64_t seen = 0;
  for (const int pin : all) {
    if (pin < 0 || pin >= chip.count || (pinBit(pin) & chip.missing) != 0) return "no such pin";
    if ((pinBit(pin) & seen) != 0) return "one pin for two things";
    seen |= pinBit(pin);
  }
  if ((seen & chip.flash) != 0) return "a pin of the flash";
  if ((seen & chip.serial) != 0) return "a pin of the console";
  // A switch on one would decide how the chip starts, and a relay on one be pulled by what decides it. A board's own pixel
  // may hang on one (the C3's does): its input pulls neither way.
  const std::uint64_t pixel = map.light == map.onBoardPixel ? pinBit(map.light) : 0;
  if ((seen & ~pixel & chip.strapping) != 0) return "a strapping pin";
  if ((seen & chip.inputOnly) != 0) return "a pin that cannot drive and has no pull-up";
  if ((pinBit(map.relay) & chip.restless) != 0) return "the relay on a pin that pulses before the firmware runs";
  return nullptr;
}

}  // namespace board

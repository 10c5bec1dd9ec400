// Which pin does what, a table a board. Chosen so that no pin here is a strapping pin, a flash pin or the USB pair, and
// so that the relay's pin is quiet while the chip starts (data sheets; see docs/door.md for what to avoid and why).
#pragma once

namespace board {

constexpr int noPin = -1;

struct PinMap {
  const char* board;   ///< the name in proofs and release manifests (protocol 4.4, 12.1)
  int relay;
  int light;           ///< data line of the NeoPixel strip
  int contact;         ///< reed switch to ground, closed while the leaf is shut
  int tamper;          ///< switch to ground, closed while the case is shut
  int button;          ///< push button to ground; held for ten seconds it makes the door new
};

#if defined(ESPLOCK_BOARD_ESP32DEV)
constexpr PinMap pins{"esp32dev", 27, 19, 32, 33, 26};
#elif defined(ESPLOCK_BOARD_ESP32_S3)
constexpr PinMap pins{"esp32-s3", 21, 48, 4, 5, 6};
#elif defined(ESPLOCK_BOARD_ESP32_C3)
constexpr PinMap pins{"esp32-c3", 3, 8, 0, 1, 10};
#else
#error "No board chosen: build one of the environments of platformio.ini"
#endif

#if defined(ESPLOCK_RELAY_ACTIVE_LOW)
constexpr bool relayActiveHigh = false;
#else
constexpr bool relayActiveHigh = true;
#endif

// A loose pin reads as an open door: sensors count only where the build says they are fitted.
#if defined(ESPLOCK_CONTACT_FITTED)
constexpr int contactPin = pins.contact;
#else
constexpr int contactPin = noPin;
#endif

#if defined(ESPLOCK_TAMPER_FITTED)
constexpr int tamperPin = pins.tamper;
#else
constexpr int tamperPin = noPin;
#endif

#if defined(ESPLOCK_BUTTON_FITTED)
constexpr int buttonPin = pins.button;
#else
constexpr int buttonPin = noPin;
#endif

}  // namespace board

// Which pin does what, a table a board, held against pin_rules.h when it is compiled: no pin of the flash or the console,
// the relay on a pin that is quiet while the chip starts, and no strapping pin, with one exception: the pixel soldered to
// GPIO 8 of the C3 boards, which is one (docs/door.md, "Pins to leave alone").
#pragma once

#include "pin_rules.h"

namespace board {

#if defined(ESPLOCK_BOARD_ESP32DEV)
constexpr PinMap pins{"esp32dev", 27, 19, 32, 33, 26, noPin};
constexpr ChipPins chipPins = esp32;
#elif defined(ESPLOCK_BOARD_ESP32_S3)
constexpr PinMap pins{"esp32-s3", 21, 48, 4, 5, 6, 48};
constexpr ChipPins chipPins = esp32S3;
#elif defined(ESPLOCK_BOARD_ESP32_C3)
constexpr PinMap pins{"esp32-c3", 3, 8, 0, 1, 10, 8};
constexpr ChipPins chipPins = esp32C3;
#else
#error "No board chosen: build one of the environments of platformio.ini"
#endif
static_assert(pinFault(pins, chipPins) == nullptr, "this table has a pin that cannot be what it is for: see pin_rules.h");

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

#pragma once

#include "door/door.h"
#include "net/board_transport.h"
#include "pins/gpio_input.h"
#include "pins/hold_button.h"
#include "pins/pixel_light.h"
#include "platform/esp_clock.h"
#include "platform/esp_random.h"
#include "platform/esp_system_port.h"
#include "platform/esp_update_slot.h"
#include "platform/preferences_store.h"
#include "platform/serial_console.h"
#include "platform/watchdog.h"

namespace board {

/// The wiring: every adapter once, the core in the middle. The relay's pin comes from outside, because it has to be
/// safe before any of this exists.
class Board final : private esplock::DoorObserver {
 public:
  explicit Board(esplock::OutputPin& relay);

  /// Radio, store, door. From the door's own task.
  void begin();

  /// One turn of that task: the watchdog is fed here and nowhere else.
  void turn();

  esplock::Door& door() { return door_; }
  NetworkTask& network() { return network_; }

 private:
  void onSessionTrouble(esplock::SessionTrouble trouble) override;
  void onFactoryReset(esplock::Status status) override;
  void showKid();
  void watchNetworkTask(std::uint64_t nowMs);

  Watchdog watchdog_;
  EspClock clock_;
  EspRandom random_;
  PreferencesStore store_;
  PreferencesStore sealStore_;
  EspSystemPort system_;
  SerialOut out_;
  PixelLight light_;
  GpioInput contact_;
  GpioInput tamper_;
  GpioInput button_;
  HoldButton resetButton_;
  EspUpdateSlot updateSlot_;
  WifiStation wifi_;
  NetworkTask network_;
  BoardTransport transport_;
  esplock::Door door_;
  SerialConsole console_;
  bool kidShown_ = false;
  std::uint32_t lastBeat_ = 0;
  std::uint64_t lastBeatMs_ = 0;
};

}  // namespace board

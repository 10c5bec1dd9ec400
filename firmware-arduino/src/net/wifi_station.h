#pragma once

#include <cstdint>
#include <string_view>

#include "ports/clock.h"
#include "ports/network.h"

namespace board {

/// The wireless network, as a station. Nothing here waits.
class WifiStation {
 public:
  explicit WifiStation(esplock::Clock& clock) : clock_(clock) {}

  /// Turns the radio on, and it stays on: the hardware generator lives on its noise.
  bool begin();

  void join(std::string_view ssid, std::string_view password);
  esplock::NetworkState state();
  bool rssi(int& outDbm);

 private:
  void tryAgain();

  esplock::Clock& clock_;
  char ssid_[33] = {};
  char password_[64] = {};
  bool joining_ = false;
  std::uint64_t triedMs_ = 0;
};

}  // namespace board

// The wireless network, behind calls that never block. A host or a wired board is always `up`.
#pragma once

#include <cstdint>
#include <string_view>

namespace esplock {

enum class NetworkState : std::uint8_t { down, joining, up };

class Network {
 public:
  virtual ~Network() = default;

  /// Starts joining (again, with new settings). Views are copied before the call returns.
  virtual void join(std::string_view ssid, std::string_view password) = 0;
  virtual NetworkState state() = 0;

  /// Signal strength in dBm; false where there is none.
  virtual bool rssi(int& outDbm) = 0;
};

}  // namespace esplock

#include "net/wifi_station.h"

#include <WiFi.h>

#include "crypto/crypto.h"
#include "net/jobs.h"

namespace board {
namespace {

constexpr std::uint64_t retryMs = 30'000;

}  // namespace

bool WifiStation::begin() {
  WiFi.persistent(false);   // or the password would lie in the clear in the default NVS partition
  const bool on = WiFi.mode(WIFI_STA);
  WiFi.setAutoReconnect(true);
  WiFi.setSleep(false);     // a door that dozes between beacons answers a tenth of a second late
  // Where several access points carry one name, the strongest: the library takes the first one heard, unless it is told to
  // listen on all channels before it chooses (some two seconds).
  WiFi.setScanMethod(WIFI_ALL_CHANNEL_SCAN);
  WiFi.setSortMethod(WIFI_CONNECT_AP_BY_SIGNAL);
  return on;
}

void WifiStation::join(std::string_view ssid, std::string_view password) {
  esplock::crypto::wipe(password_, sizeof password_);
  joining_ = !ssid.empty() && copyText(ssid, ssid_) && copyText(password, password_);
  if (joining_) tryAgain();
  else WiFi.disconnectAsync(false);   // not the radio
}

void WifiStation::tryAgain() {
  triedMs_ = clock_.monotonicMs();
  WiFi.disconnectAsync(false);   // the other one waits
  WiFi.begin(ssid_, password_[0] == '\0' ? nullptr : password_);   // null: an open network
}

esplock::NetworkState WifiStation::state() {
  if (WiFi.status() == WL_CONNECTED) {
    triedMs_ = clock_.monotonicMs();
    return esplock::NetworkState::up;
  }
  if (!joining_) return esplock::NetworkState::down;
  // The library comes back by itself from most losses, but not from a password refused by a router that was starting.
  if (clock_.monotonicMs() - triedMs_ >= retryMs) tryAgain();
  return esplock::NetworkState::joining;
}

bool WifiStation::rssi(int& outDbm) {
  if (WiFi.status() != WL_CONNECTED) return false;
  outDbm = WiFi.RSSI();
  return true;
}

}  // namespace board

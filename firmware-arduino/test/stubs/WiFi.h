#pragma once
#include "Arduino.h"
typedef enum { WIFI_MODE_NULL = 0, WIFI_MODE_STA } wifi_mode_t;
#define WIFI_STA WIFI_MODE_STA
typedef enum { WL_IDLE_STATUS = 0, WL_CONNECTED = 3, WL_DISCONNECTED = 6 } wl_status_t;
class WiFiClass {
 public:
  void persistent(bool on) { stub::world().wifiPersistent = on; }
  bool mode(wifi_mode_t mode);
  wifi_mode_t getMode() { return stub::world().radioOn ? WIFI_MODE_STA : WIFI_MODE_NULL; }
  bool setAutoReconnect(bool) { return true; }
  bool setSleep(bool) { return true; }
  bool disconnect(bool radioOff = false, bool eraseAccessPoint = false);
  wl_status_t begin(const char* ssid, const char* password = nullptr);
  wl_status_t status() { return static_cast<wl_status_t>(stub::world().wifiStatus); }
  int8_t RSSI() { return -61; }
};
extern WiFiClass WiFi;

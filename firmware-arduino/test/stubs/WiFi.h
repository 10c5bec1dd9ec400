// Mirrors WiFi.h (WiFiGeneric.h, WiFiSTA.h, WiFiType.h) of arduino-esp32 3.3.11.
// What the sources say: the first access point heard is joined unless all channels are asked for; disconnect() waits up to
// its third argument, disconnectAsync() does not.
#pragma once
#include "Arduino.h"
typedef enum {
  WIFI_MODE_NULL = 0,
  WIFI_MODE_STA,
  WIFI_MODE_AP,
  WIFI_MODE_APSTA,
} wifi_mode_t;
typedef enum { WIFI_FAST_SCAN = 0, WIFI_ALL_CHANNEL_SCAN } wifi_scan_method_t;
typedef enum { WIFI_CONNECT_AP_BY_SIGNAL = 0, WIFI_CONNECT_AP_BY_SECURITY } wifi_sort_method_t;
typedef enum { WIFI_PS_NONE, WIFI_PS_MIN_MODEM, WIFI_PS_MAX_MODEM } wifi_ps_type_t;
#define WIFI_STA WIFI_MODE_STA
typedef enum {
  WL_NO_SHIELD = 255,
  WL_STOPPED = 254,
  WL_IDLE_STATUS = 0,
  WL_NO_SSID_AVAIL = 1,
  WL_SCAN_COMPLETED = 2,
  WL_CONNECTED = 3,
  WL_CONNECT_FAILED = 4,
  WL_CONNECTION_LOST = 5,
  WL_DISCONNECTED = 6
} wl_status_t;
class WiFiGenericClass {
 public:
  void persistent(bool on) { stub::world().wifiPersistent = on; }
  static bool mode(wifi_mode_t mode);
  static wifi_mode_t getMode() { return stub::world().radioOn ? WIFI_MODE_STA : WIFI_MODE_NULL; }
  bool setSleep(bool) { return true; }
  bool setSleep(wifi_ps_type_t) { return true; }
};
class WiFiSTAClass {
 public:
  wl_status_t begin(const char* ssid, const char* passphrase = NULL, int32_t channel = 0, const uint8_t* bssid = NULL,
                    bool connect = true);
  wl_status_t begin(const String& ssid, const String& passphrase = (const char*)NULL, int32_t channel = 0,
                    const uint8_t* bssid = NULL, bool connect = true) {
    return begin(ssid.c_str(), passphrase.c_str(), channel, bssid, connect);
  }
  wl_status_t begin();
  bool disconnectAsync(bool wifioff = false, bool eraseap = false);
  bool disconnect(bool wifioff = false, bool eraseap = false, unsigned long timeoutLength = 100);
  bool setAutoReconnect(bool) { return true; }
  void setScanMethod(wifi_scan_method_t scanMethod) { stub::world().wifiAllChannels = scanMethod == WIFI_ALL_CHANNEL_SCAN; }
  void setSortMethod(wifi_sort_method_t sortMethod) { stub::world().wifiBySignal = sortMethod == WIFI_CONNECT_AP_BY_SIGNAL; }
  wl_status_t status() { return static_cast<wl_status_t>(stub::world().wifiStatus); }
  int8_t RSSI() { return -61; }
};
class WiFiClass : public WiFiGenericClass, public WiFiSTAClass {};
extern WiFiClass WiFi;

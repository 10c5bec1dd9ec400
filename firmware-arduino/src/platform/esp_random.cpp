#include "platform/esp_random.h"

#include <WiFi.h>
#include <esp_random.h>

namespace board {

bool EspRandom::fill(std::uint8_t* out, std::size_t length) {
  if (WiFi.getMode() == WIFI_MODE_NULL) return false;
  esp_fill_random(out, length);
  return true;
}

}  // namespace board

#include "platform/watchdog.h"

#include <esp_task_wdt.h>

#include "board_defaults.h"

namespace board {

bool Watchdog::begin() {
  esp_task_wdt_config_t config{};
  config.timeout_ms = watchdogMs;
  config.idle_core_mask = 0;   // not the idle tasks: making a key takes all the time they would have, for over 10 s
  config.trigger_panic = true;
  // The Arduino core has started it already; where it has not, it is started here.
  esp_err_t result = esp_task_wdt_reconfigure(&config);
  if (result == ESP_ERR_INVALID_STATE) result = esp_task_wdt_init(&config);
  return result == ESP_OK && esp_task_wdt_add(nullptr) == ESP_OK;
}

void Watchdog::feed() { esp_task_wdt_reset(); }

}  // namespace board

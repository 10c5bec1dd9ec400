// Mirrors esp_system.h of ESP-IDF 5.5.5. The real esp_restart() does not come back; the stub's has to.
#pragma once
#include <cstdint>
extern "C" {
void esp_restart(void);
uint32_t esp_get_free_heap_size(void);
}

// Mirrors esp_timer.h of ESP-IDF 5.5.5.
#pragma once
#include <cstdint>
extern "C" int64_t esp_timer_get_time(void);

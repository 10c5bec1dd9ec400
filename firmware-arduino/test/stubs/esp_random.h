// Mirrors esp_random.h of ESP-IDF 5.5.5.
#pragma once
#include <cstddef>
extern "C" void esp_fill_random(void* buf, size_t len);

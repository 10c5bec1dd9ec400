// Mirrors esp_heap_caps.h of ESP-IDF 5.5.5.
#pragma once
#include <cstddef>
#include <cstdint>
#define MALLOC_CAP_8BIT (1 << 2)
extern "C" size_t heap_caps_get_largest_free_block(uint32_t caps);

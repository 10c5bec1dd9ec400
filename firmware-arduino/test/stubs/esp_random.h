#pragma once
#include <cstddef>
void esp_fill_random(void* buffer, size_t length);

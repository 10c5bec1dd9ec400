#pragma once

#include <cstdint>

/// What is held from malloc, calloc and realloc by everything but C++ `new`.
namespace heap_count {

std::int64_t outstanding();   ///< bytes
std::int64_t calls();
std::int64_t peak();          ///< highest `outstanding` since restartPeak
void restartPeak();

}  // namespace heap_count

#pragma once

#include <cstddef>

/// What C++ `new` gave out while counting.
namespace new_count {

struct Blocks {
  std::size_t count = 0;
  std::size_t sum = 0;       ///< bytes
  std::size_t largest = 0;   ///< bytes
};

void start();
Blocks stop();

}  // namespace new_count

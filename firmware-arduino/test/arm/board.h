// What the main program asks of the bare machine.
#pragma once

#include <cstddef>

namespace bare {

/// What the crypto library holds of the heap (it allocates through mbedtls_calloc, the door through `new`).
struct Heap {
  std::size_t held = 0;
  std::size_t peak = 0;
  std::size_t calls = 0;
};
extern Heap heap;

void countHeap();

/// Bytes of stack that `work` used below its caller, found by paint.
std::size_t stackOf(void (*work)(void*), void* argument);

}  // namespace bare

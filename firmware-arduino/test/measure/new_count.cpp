// Stands in front of `new`. In a file of its own: where it is inlined, compilers take it for a mistake.
#include "measure/new_count.h"

#include <cstdlib>
#include <new>

namespace {

bool counting = false;
new_count::Blocks blocks;

}  // namespace

void* operator new(std::size_t size) {
  if (counting) {
    ++blocks.count;
    blocks.sum += size;
    if (size > blocks.largest) blocks.largest = size;
  }
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) std::abort();
  return block;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return operator new(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace new_count {

void start() {
  blocks = {};
  counting = true;
}

Blocks stop() {
  counting = false;
  return blocks;
}

}  // namespace new_count

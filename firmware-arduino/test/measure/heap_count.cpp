// Stands in front of glibc's allocator. Single-threaded by intent: the measuring happens on one thread.
#include "measure/heap_count.h"

#include <malloc.h>

#include <cstdlib>
#include <new>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void __libc_free(void* block);
}

namespace {

std::int64_t held = 0;
std::int64_t count = 0;
std::int64_t highest = 0;

void* taken(void* block) {
  if (block == nullptr) return block;
  ++count;
  held += static_cast<std::int64_t>(malloc_usable_size(block));
  if (held > highest) highest = held;
  return block;
}

void given(void* block) {
  if (block != nullptr) held -= static_cast<std::int64_t>(malloc_usable_size(block));
}

}  // namespace

extern "C" void* malloc(std::size_t size) { return taken(__libc_malloc(size)); }
extern "C" void* calloc(std::size_t n, std::size_t size) { return taken(__libc_calloc(n, size)); }
extern "C" void* realloc(void* block, std::size_t size) {
  given(block);
  return taken(__libc_realloc(block, size));
}
extern "C" void free(void* block) {
  given(block);
  __libc_free(block);
}

void* operator new(std::size_t size) {
  void* block = __libc_malloc(size == 0 ? 1 : size);
  if (block == nullptr) std::abort();
  return block;
}
void operator delete(void* block) noexcept { __libc_free(block); }
void operator delete(void* block, std::size_t) noexcept { __libc_free(block); }

namespace heap_count {

std::int64_t outstanding() { return held; }
std::int64_t calls() { return count; }
std::int64_t peak() { return highest; }
void restartPeak() { highest = held; }

}  // namespace heap_count

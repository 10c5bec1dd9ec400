#include "platform/esp_system_port.h"

#include <esp_heap_caps.h>
#include <esp_system.h>

#include <algorithm>

#include "board_defaults.h"
#include "platform/efuse_key.h"

namespace board {

void EspSystemPort::restart() { esp_restart(); }

std::size_t EspSystemPort::freeHeap() { return esp_get_free_heap_size(); }

std::size_t EspSystemPort::largestFreeBlock() { return heap_caps_get_largest_free_block(MALLOC_CAP_8BIT); }

std::size_t EspSystemPort::stackLeft() {
  // In bytes, as ESP-IDF counts stacks; null is the task that asks.
  std::size_t left = std::min<std::size_t>(uxTaskGetStackHighWaterMark(nullptr), workStackLeft_.load());
  if (watched_ != nullptr) left = std::min<std::size_t>(left, uxTaskGetStackHighWaterMark(watched_));
  return left;
}

bool EspSystemPort::sealingKey(std::uint8_t out[32]) {
  // A burnt key comes first and is never fallen back from: a key planted in flash must not be able to take its place.
  const EfuseKey fused = efuseSealingKey(out);
  if (fused != EfuseKey::absent) return fused == EfuseKey::derived;
  constexpr char name[] = "seal.key";
  std::size_t length = 0;
  const esplock::StoreResult stored = sealStore_.read(name, out, 32, length);
  if (stored == esplock::StoreResult::ok) return length == 32;
  // Unreadable is not missing: another key in its place would make everything sealed so far unreadable for good.
  if (stored != esplock::StoreResult::missing) return false;
  return random_.fill(out, 32) && sealStore_.write(name, out, 32);
}

bool EspSystemPort::runInBackground(void (*work)(void*), void* argument) {
  if (working_.exchange(true, std::memory_order_acq_rel)) return false;
  work_ = work;
  argument_ = argument;
  // At idle priority, so that ten seconds of key making take only what nobody else wants.
  if (xTaskCreate(&EspSystemPort::workTask, "esplock-work", workStackBytes, this, tskIDLE_PRIORITY, nullptr) == pdPASS) {
    return true;
  }
  working_.store(false, std::memory_order_release);
  return false;
}

void EspSystemPort::workTask(void* self) {
  auto* const port = static_cast<EspSystemPort*>(self);
  port->work_(port->argument_);
  port->workStackLeft_.store(std::min<std::size_t>(port->workStackLeft_.load(), uxTaskGetStackHighWaterMark(nullptr)));
  port->working_.store(false, std::memory_order_release);
  vTaskDelete(nullptr);
}

}  // namespace board

#pragma once

#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

#include <atomic>
#include <cstdint>

#include "ports/key_value_store.h"
#include "ports/random.h"
#include "ports/system.h"

namespace board {

class EspSystemPort final : public esplock::System {
 public:
  /// `sealStore` is a partition that holds nothing but the sealing key of chips without an eFuse for it.
  EspSystemPort(esplock::KeyValueStore& sealStore, esplock::Random& random) : sealStore_(sealStore), random_(random) {}

  void restart() override;
  std::size_t freeHeap() override;
  std::size_t largestFreeBlock() override;

  /// Of the door's task, which must be the one that asks, of the one told by alsoWatch(), and of the last background work.
  std::size_t stackLeft() override;
  void alsoWatch(TaskHandle_t task) { watched_ = task; }

  bool sealingKey(std::uint8_t out[32]) override;
  bool runInBackground(void (*work)(void*), void* argument) override;

 private:
  static void workTask(void* self);

  esplock::KeyValueStore& sealStore_;
  esplock::Random& random_;
  TaskHandle_t watched_ = nullptr;
  std::atomic<std::size_t> workStackLeft_{SIZE_MAX};
  std::atomic<bool> working_{false};
  void (*work_)(void*) = nullptr;
  void* argument_ = nullptr;
};

}  // namespace board

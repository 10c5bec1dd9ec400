// The small ports of the host: time, randomness, pins, system.
#pragma once

#include <atomic>
#include <string_view>
#include <thread>

#include "ports/clock.h"
#include "ports/input_pin.h"
#include "ports/key_value_store.h"
#include "ports/random.h"
#include "ports/system.h"

namespace host {

/// What stands in for SNTP: the system's clock, something beside it, or nothing.
class HostClock final : public esplock::Clock {
 public:
  std::uint64_t monotonicMs() override;
  bool wallMs(std::uint64_t& outMs) override;
  void askWall() override {}   // the system's clock is always there

  /// `system`, `none` or `offset:<ms>`, to 100 years either way; false, and nothing changes, when it is none of these.
  bool setSntp(std::string_view text);

 private:
  bool answers_ = true;
  std::int64_t offsetMs_ = 0;
};

class HostRandom final : public esplock::Random {
 public:
  bool fill(std::uint8_t* out, std::size_t length) override;
};

/// A switch worked from the console.
class HostInputPin final : public esplock::InputPin {
 public:
  bool present() override { return present_; }
  bool active() override { return active_; }
  void set(bool present, bool active) {
    present_ = present;
    active_ = active;
  }

 private:
  bool present_ = true;
  bool active_ = false;
};

class HostSystem final : public esplock::System {
 public:
  HostSystem(esplock::KeyValueStore& store, esplock::Random& random) : store_(store), random_(random) {}
  ~HostSystem() override { finishWork(); }

  void restart() override { restartWanted_ = true; }
  bool restartWanted() const { return restartWanted_; }
  std::size_t freeHeap() override { return 0; }
  void finishWork();
  bool sealingKey(std::uint8_t out[32]) override;
  bool runInBackground(void (*work)(void*), void* argument) override;

 private:
  esplock::KeyValueStore& store_;
  esplock::Random& random_;
  std::thread worker_;
  bool restartWanted_ = false;
};

}  // namespace host

#pragma once

#include <cstdint>

#include "base/debounce.h"
#include "door/restart.h"
#include "log/log_ring.h"
#include "ports/input_pin.h"
#include "ports/system.h"
#include "protocol/events.h"
#include "time/time_keeper.h"

namespace esplock {

/// What may go wrong with the device itself: its case, its memory, its clock.
class HealthWatch {
 public:
  static constexpr std::size_t lowHeapBytes = 20 * 1024;
  static constexpr unsigned memoryFailureLimit = 5;   ///< in a row

  struct Parts {
    System& system;
    InputPin* tamper;
    TimeKeeper& time;
    EventSink& events;
    LogRing& log;
    Restart& restart;
    std::uint32_t debounceMs;
  };

  explicit HealthWatch(const Parts& parts) : parts_(parts) {}

  void poll(std::uint64_t nowMs);

  /// True when what was told of the clock is no longer so. Before the first welcome there is nobody to be in doubt with.
  bool clockChanged(bool live);

  /// Something wanted memory and there was none, or it went well. A heap that stays too small or too broken up for a
  /// handshake or an envelope mends itself by nothing but a restart.
  void onMemory(bool enough);

 private:
  void watchTamper(std::uint64_t nowMs);
  void watchHeap(std::uint64_t nowMs);

  enum class ClockTold : std::uint8_t { nothing, sure, unsure };

  Parts parts_;
  Debounce tamper_;
  ClockTold clockTold_ = ClockTold::nothing;
  unsigned memoryFailures_ = 0;
  std::uint64_t nextHeapMs_ = 0;
};

}  // namespace esplock

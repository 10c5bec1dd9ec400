// The bolt: what was asked for, what is so, and the relay pin between them. The only writer of the pin.
#pragma once

#include <cstdint>

#include "base/debounce.h"
#include "lock/lock_types.h"
#include "ports/input_pin.h"
#include "ports/output_pin.h"
#include "protocol/events.h"

namespace esplock {

struct LockOptions {
  std::uint32_t heldOpenAfterMs = 30'000;   ///< 0: never reported
  std::uint32_t contactDebounceMs = 50;
  bool boltWaitsForLeaf = true;
  std::uint32_t boltWaitMs = 60'000;          ///< then it is thrown all the same; 0: it waits for ever
};

class LockModel {
 public:
  LockModel(OutputPin& relay, InputPin* contact, EventSink& events, const LockOptions& options)
      : relay_(relay), contact_(contact), events_(events), options_(options) {}

  /// First thing of a boot: the pin goes inactive, whatever was before. Never an edge towards open.
  void begin();

  /// Opens for `holdMs`, then locks by itself, connected or not; 0 stays open. `cause` is a literal for the event.
  void unlock(std::uint64_t nowMs, std::uint32_t holdMs, const char* cause);
  void lock(std::uint64_t nowMs, const char* cause);
  void poll(std::uint64_t nowMs);

  LockReading reading() const;

 private:
  void drive(bool active);
  void settle(std::uint64_t nowMs);
  void watchContact(std::uint64_t nowMs);
  void onLeaf(bool open, std::uint64_t nowMs);

  OutputPin& relay_;
  InputPin* contact_;
  EventSink& events_;
  LockOptions options_;
  LockState requested_ = LockState::locked;
  const char* cause_ = "command";
  bool active_ = false;
  bool relockSet_ = false;
  std::uint64_t relockAtMs_ = 0;
  bool leafKnown_ = false;
  Debounce leaf_;                    ///< on: open
  bool boltWaits_ = false;
  std::uint64_t boltWaitSinceMs_ = 0;
  std::uint64_t leafOpenSinceMs_ = 0;
  bool heldReported_ = false;
};

}  // namespace esplock

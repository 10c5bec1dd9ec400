#pragma once

#include <cstdint>

#include "config/settings.h"
#include "lock/lock_model.h"
#include "protocol/events.h"

namespace esplock {

/// What the door does when it has been offline for too long. It opens only if the owner chose that (fire egress);
/// losing the network alone never does.
class FailSafeWatch {
 public:
  FailSafeWatch(LockModel& lock, EventSink& events) : lock_(lock), events_(events) {}

  void begin(std::uint64_t nowMs) { offlineSinceMs_ = nowMs; }
  void poll(std::uint64_t nowMs, bool online, const Settings& settings);
  bool entered() const { return entered_; }

 private:
  void enter(std::uint64_t nowMs, FailSafe mode);
  void leave(std::uint64_t nowMs);

  LockModel& lock_;
  EventSink& events_;
  std::uint64_t offlineSinceMs_ = 0;
  bool wasOnline_ = false;
  bool entered_ = false;
  bool relockOnLeave_ = false;
};

}  // namespace esplock

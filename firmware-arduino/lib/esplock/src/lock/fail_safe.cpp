#include "lock/fail_safe.h"

namespace esplock {

void FailSafeWatch::poll(std::uint64_t nowMs, bool online, const Settings& settings) {
  if (online) {
    if (entered_) leave(nowMs);
    wasOnline_ = true;
    return;
  }
  if (wasOnline_) {
    wasOnline_ = false;
    offlineSinceMs_ = nowMs;
  }
  if (entered_ || settings.failSafeAfterMs == 0) return;
  if (nowMs - offlineSinceMs_ >= settings.failSafeAfterMs) enter(nowMs, settings.failSafe);
}

void FailSafeWatch::enter(std::uint64_t nowMs, FailSafe mode) {
  entered_ = true;
  events_.emit(EventKind::fail_safe_entered, "mode", textOf(mode));
  relockOnLeave_ = mode == FailSafe::unlock && lock_.reading().requested == LockState::locked;
  if (mode == FailSafe::lock) lock_.lock(nowMs, "fail_safe");
  if (mode == FailSafe::unlock) lock_.unlock(nowMs, 0, "fail_safe");
}

void FailSafeWatch::leave(std::uint64_t nowMs) {
  entered_ = false;
  events_.emit(EventKind::fail_safe_left);
  if (relockOnLeave_) lock_.lock(nowMs, "fail_safe");
  relockOnLeave_ = false;
}

}  // namespace esplock

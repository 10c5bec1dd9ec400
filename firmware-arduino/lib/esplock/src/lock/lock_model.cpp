#include "lock/lock_model.h"

namespace esplock {

void LockModel::begin() {
  requested_ = LockState::locked;
  relockSet_ = false;
  active_ = false;
  relay_.write(false);
}

void LockModel::unlock(std::uint64_t nowMs, std::uint32_t holdMs, const char* cause) {
  requested_ = LockState::unlocked;
  relockSet_ = holdMs > 0;
  relockAtMs_ = nowMs + holdMs;
  cause_ = cause;
  settle(nowMs);
}

void LockModel::lock(std::uint64_t nowMs, const char* cause) {
  requested_ = LockState::locked;
  relockSet_ = false;
  cause_ = cause;
  settle(nowMs);
}

void LockModel::poll(std::uint64_t nowMs) {
  watchContact(nowMs);
  if (relockSet_ && nowMs >= relockAtMs_) lock(nowMs, "relock");
  settle(nowMs);
  const bool heldLong = leafOpen_ && options_.heldOpenAfterMs > 0 && !heldReported_ &&
                        nowMs - leafOpenSinceMs_ >= options_.heldOpenAfterMs;
  if (!heldLong) return;
  heldReported_ = true;
  events_.emit(EventKind::held_open);
}

void LockModel::settle(std::uint64_t nowMs) {
  (void)nowMs;
  const bool wanted = requested_ == LockState::unlocked;
  if (wanted == active_) return;
  // Interlock: a bolt thrown into an open door looks locked and is not; wait until the leaf is shut.
  if (!wanted && options_.boltWaitsForLeaf && leafKnown_ && leafOpen_) return;
  drive(wanted);
}

void LockModel::drive(bool active) {
  active_ = active;
  relay_.write(active);
  events_.emit(active ? EventKind::unlocked : EventKind::locked, "cause", cause_);
}

void LockModel::watchContact(std::uint64_t nowMs) {
  if (contact_ == nullptr || !contact_->present()) {
    leafKnown_ = false;
    leafOpen_ = false;
    return;
  }
  const bool open = contact_->active();
  if (!leafKnown_) {
    // The first look tells how things are, not that anything happened.
    leafKnown_ = true;
    leafOpen_ = open;
    leafCandidate_ = open;
    leafOpenSinceMs_ = nowMs;
    heldReported_ = false;
    return;
  }
  if (open != leafCandidate_) {
    leafCandidate_ = open;
    leafCandidateSinceMs_ = nowMs;
  }
  if (leafCandidate_ != leafOpen_ && nowMs - leafCandidateSinceMs_ >= options_.contactDebounceMs) onLeaf(open, nowMs);
}

void LockModel::onLeaf(bool open, std::uint64_t nowMs) {
  leafOpen_ = open;
  heldReported_ = false;
  leafOpenSinceMs_ = nowMs;
  if (open && !active_) events_.emit(EventKind::forced_open);
}

LockReading LockModel::reading() const {
  LockReading reading;
  reading.requested = requested_;
  if (leafKnown_) reading.contact = leafOpen_ ? ContactState::open : ContactState::closed;
  if (active_) reading.reported = LockState::unlocked;
  else reading.reported = leafOpen_ ? LockState::unknown : LockState::locked;
  return reading;
}

}  // namespace esplock

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
  const bool heldLong = leaf_.on() && options_.heldOpenAfterMs > 0 && !heldReported_ &&
                        nowMs - leafOpenSinceMs_ >= options_.heldOpenAfterMs;
  if (!heldLong) return;
  heldReported_ = true;
  events_.emit(EventKind::held_open);
}

void LockModel::settle(std::uint64_t nowMs) {
  const bool wanted = requested_ == LockState::unlocked;
  if (wanted == active_) {
    boltWaits_ = false;
    return;
  }
  // Interlock: a bolt thrown into an open door looks locked and is not; wait until the leaf is shut. But not for ever:
  // the wire of a contact may be cut, and then nothing would lock this door again.
  if (!wanted && options_.boltWaitsForLeaf && leafKnown_ && leaf_.on()) {
    if (!boltWaits_) boltWaitSinceMs_ = nowMs;
    boltWaits_ = true;
    if (options_.boltWaitMs == 0 || nowMs - boltWaitSinceMs_ < options_.boltWaitMs) return;
    events_.emit(EventKind::held_open, "bolt", "thrown");
    heldReported_ = true;
  }
  boltWaits_ = false;
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
    leaf_.set(false);
    return;
  }
  const bool open = contact_->active();
  if (!leafKnown_) {
    // The first look tells how things are, not that anything happened.
    leafKnown_ = true;
    leaf_.set(open);
    leafOpenSinceMs_ = nowMs;
    heldReported_ = false;
    return;
  }
  if (leaf_.update(open, nowMs, options_.contactDebounceMs)) onLeaf(open, nowMs);
}

void LockModel::onLeaf(bool open, std::uint64_t nowMs) {
  heldReported_ = false;
  leafOpenSinceMs_ = nowMs;
  if (open && !active_) events_.emit(EventKind::forced_open);
}

LockReading LockModel::reading() const {
  LockReading reading;
  reading.requested = requested_;
  if (leafKnown_) reading.contact = leaf_.on() ? ContactState::open : ContactState::closed;
  if (active_) reading.reported = LockState::unlocked;
  else reading.reported = leaf_.on() ? LockState::unknown : LockState::locked;
  return reading;
}

}  // namespace esplock

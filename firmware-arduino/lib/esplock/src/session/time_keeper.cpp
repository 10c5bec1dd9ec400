#include "session/time_keeper.h"

namespace esplock {
namespace {

// Outside of this a time is not a time: before this code was written, or past what JSON carries exactly.
constexpr std::int64_t earliestMs = 1'700'000'000'000;
constexpr std::int64_t latestMs = 9'007'199'254'740'991;

bool plausible(std::int64_t ms) { return ms >= earliestMs && ms <= latestMs; }

}  // namespace

void TimeKeeper::onWelcome(std::int64_t relayMs) {
  if (!based_) {
    std::uint64_t wallMs = 0;
    const bool haveWall = clock_.wallMs(wallMs) && plausible(static_cast<std::int64_t>(wallMs));
    if (!haveWall && !plausible(relayMs)) return;
    baseMs_ = haveWall ? static_cast<std::int64_t>(wallMs) : relayMs;
    baseMonotonicMs_ = clock_.monotonicMs();
    based_ = true;
  }
  onRelayTime(relayMs);
}

void TimeKeeper::onRelayTime(std::int64_t relayMs) {
  if (!based_ || !plausible(relayMs)) return;
  const std::int64_t own = baseMs_ + static_cast<std::int64_t>(clock_.monotonicMs() - baseMonotonicMs_);
  std::int64_t drift = relayMs - own;
  if (drift > maxDriftMs) drift = maxDriftMs;
  if (drift < -maxDriftMs) drift = -maxDriftMs;
  driftMs_ = drift;
}

std::int64_t TimeKeeper::nowMs() const {
  const std::int64_t now = relayNowMs();
  return now < floorMs_ ? floorMs_ : now;
}

std::int64_t TimeKeeper::relayNowMs() const {
  std::int64_t now = 0;
  if (based_) {
    now = baseMs_ + static_cast<std::int64_t>(clock_.monotonicMs() - baseMonotonicMs_) + driftMs_;
  } else {
    std::uint64_t wallMs = 0;
    if (clock_.wallMs(wallMs)) now = static_cast<std::int64_t>(wallMs);
  }
  return now;
}

}  // namespace esplock

#include "time/time_keeper.h"

namespace esplock {
namespace {

// Outside of this a time is not a time: before this code was written, or past what JSON carries exactly.
constexpr std::int64_t earliestMs = 1'700'000'000'000;
constexpr std::int64_t latestMs = 9'007'199'254'740'991;

bool plausible(std::int64_t ms) { return ms >= earliestMs && ms <= latestMs; }

}  // namespace

void TimeKeeper::poll() {
  const std::uint64_t monotonic = clock_.monotonicMs();
  std::uint64_t wallMs = 0;
  if (awaiting_ && clock_.wallMs(wallMs) && plausible(static_cast<std::int64_t>(wallMs))) {
    sntp_ = {true, static_cast<std::int64_t>(wallMs) - static_cast<std::int64_t>(monotonic)};
    awaiting_ = false;
    askedMs_ = monotonic;
  }
  // Also where the relay has been held back: after weeks a crystal may have run ahead by seconds, and nobody but SNTP
  // may take them back.
  const bool wanted = relay_.known && (!sure() || driftMs() < -maxBackMs);
  if (!wanted || monotonic - askedMs_ < (sure() ? askSureEveryMs : askEveryMs)) return;
  askedMs_ = monotonic;
  awaiting_ = true;
  clock_.askWall();
}

void TimeKeeper::onRelayTime(std::int64_t relayMs) {
  if (!plausible(relayMs)) return;
  poll();   // what SNTP has said until now comes first
  relay_ = {true, relayMs - static_cast<std::int64_t>(clock_.monotonicMs())};
  if (!firstRelay_.known) firstRelay_ = relay_;
}

bool TimeKeeper::sure() const {
  const std::int64_t drift = driftMs();
  return sntp_.known && relay_.known && drift >= -maxApartMs && drift <= maxApartMs;
}

bool TimeKeeper::pastRelayTime(std::int64_t deadlineMs) const {
  return relay_.known && static_cast<std::int64_t>(clock_.monotonicMs()) + relay_.aheadMs > deadlineMs;
}

std::int64_t TimeKeeper::nowMs() const {
  std::int64_t drift = driftMs();
  if (drift > maxForwardMs) drift = maxForwardMs;
  if (drift < -maxBackMs) drift = -maxBackMs;
  const std::int64_t now = known() ? static_cast<std::int64_t>(clock_.monotonicMs()) + baseMs() + drift : 0;
  return now < floorMs_ ? floorMs_ : now;
}

}  // namespace esplock

// The door's own clock (protocol 6.6): SNTP counts only until the first welcome; afterwards the relay's time may move
// it by at most 60 s from what the monotonic clock says; it never reads below the replay mark.
#pragma once

#include <cstdint>

#include "ports/clock.h"

namespace esplock {

class TimeKeeper {
 public:
  static constexpr std::int64_t maxDriftMs = 60'000;

  explicit TimeKeeper(Clock& clock) : clock_(clock) {}

  /// The mark as it was at boot. It is not raised with every command: a sender whose clock is 50 s fast would drag the
  /// door's clock along, and all others with it.
  void setFloor(std::int64_t markMs) { floorMs_ = markMs; }

  /// The first one fixes the base: SNTP if there is any, else the relay's word.
  void onWelcome(std::int64_t relayMs);
  void onRelayTime(std::int64_t relayMs);

  /// The same without the floor: for a relay's own deadlines, which are in its time and not in that of the mark.
  std::int64_t relayNowMs() const;

  /// False until the first welcome; before it nowMs() is a guess fit for logs only.
  bool known() const { return based_; }
  std::int64_t nowMs() const;
  std::uint64_t monotonicMs() const { return clock_.monotonicMs(); }

 private:
  Clock& clock_;
  bool based_ = false;
  std::int64_t baseMs_ = 0;
  std::uint64_t baseMonotonicMs_ = 0;
  std::int64_t driftMs_ = 0;
  std::int64_t floorMs_ = 0;
};

}  // namespace esplock

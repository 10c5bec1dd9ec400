// The door's own clock (protocol 6.6): SNTP where it has answered, else the relay's first word; relay time moves it from
// there by what is bearable and no more; it never reads below the replay mark. Where SNTP has not answered since boot,
// or it and the relay are a minute apart, the clock is unsure, and commands need a challenge (protocol 19.4).
#pragma once

#include <cstdint>

#include "ports/clock.h"

namespace esplock {

class TimeKeeper {
 public:
  static constexpr std::int64_t maxForwardMs = 60'000;   ///< what a command may be made ahead of a sender's slow clock
  static constexpr std::int64_t maxBackMs = 2'000;       ///< by so much more than its minute a relay can hold one up
  static constexpr std::int64_t maxApartMs = 60'000;     ///< SNTP and relay
  static constexpr std::uint64_t askEveryMs = 60'000;          ///< while unsure
  static constexpr std::uint64_t askSureEveryMs = 3'600'000;   ///< while sure, but the relay is held back

  explicit TimeKeeper(Clock& clock) : clock_(clock) {}

  /// The mark as it was at boot. It is not raised with every command: a sender whose clock is 50 s fast would drag the
  /// door's clock along, and all others with it.
  void setFloor(std::int64_t markMs) { floorMs_ = markMs; }

  /// Takes what SNTP has answered, and asks it again where that may help.
  void poll();

  /// From a welcome or a keep-alive; times that are none are passed over.
  void onRelayTime(std::int64_t relayMs);

  /// SNTP has answered in this boot and the relay agrees with it.
  bool sure() const;

  /// By the relay's own count, whatever the door makes of it: its deadlines are in that. False before it has said one.
  bool pastRelayTime(std::int64_t deadlineMs) const;

  /// False until SNTP or the relay has said a time; before that nowMs() is the mark, fit for logs only.
  bool known() const { return sntp_.known || firstRelay_.known; }
  std::int64_t nowMs() const;
  std::uint64_t monotonicMs() const { return clock_.monotonicMs(); }

 private:
  /// A time told, as what it is ahead of the monotonic clock.
  struct Told {
    bool known = false;
    std::int64_t aheadMs = 0;
  };
  std::int64_t baseMs() const { return sntp_.known ? sntp_.aheadMs : firstRelay_.aheadMs; }
  std::int64_t driftMs() const { return relay_.known ? relay_.aheadMs - baseMs() : 0; }

  Clock& clock_;
  Told sntp_;
  Told firstRelay_;
  Told relay_;
  bool awaiting_ = true;   ///< SNTP's answer; the platform asks by itself when the network is there
  std::uint64_t askedMs_ = 0;
  std::int64_t floorMs_ = 0;
};

}  // namespace esplock

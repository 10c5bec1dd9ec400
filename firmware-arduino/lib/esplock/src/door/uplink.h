#pragma once

#include <cstdint>
#include <string_view>

#include "access/challenges.h"
#include "access/processor.h"
#include "channels/outbox.h"
#include "channels/session.h"
#include "door/state_report.h"

namespace esplock {

/// What the door tells its relay, and what of it waits for a channel.
class Uplink {
 public:
  struct Parts {
    Session& session;
    TimeKeeper& time;
    EventQueue& events;
    StateReport& state;
    Challenges& challenges;
    LogRing& log;
  };

  explicit Uplink(const Parts& parts) : parts_(parts) {}

  void sendStatus(std::string_view id);
  void sendResult(std::string_view id, const CommandOutcome& outcome);
  void sendChallenge(std::string_view id);

  /// Results first, then events, as far as the channel takes them.
  void flush();

  void onKeepAliveSent() { results_.onKeepAliveSent(); }
  void onKeepAliveAnswered() { results_.onKeepAliveAnswered(); }
  void onChannelLost() { results_.onChannelLost(); }

 private:
  Parts parts_;
  UnsentResults results_;
  char frame_[2048] = {};
};

}  // namespace esplock

#pragma once

#include <cstdint>

#include "channels/session.h"
#include "log/log_ring.h"
#include "ports/system.h"

namespace esplock {

/// Restarts in order: the channel is closed first, but a relay that does not answer the close is not waited for.
class Restart {
 public:
  static constexpr std::uint64_t limitMs = 2'500;

  Restart(System& system, Session& session, LogRing& log) : system_(system), session_(session), log_(log) {}

  void request(std::uint64_t nowMs) {
    if (requested_) return;
    requested_ = true;
    limitMs_ = nowMs + limitMs;
    session_.stop(CloseReason::going_away);
  }
  bool requested() const { return requested_; }

  /// Last in a turn.
  void poll(std::uint64_t nowMs) {
    if (!requested_ || done_ || (session_.state() != SessionState::stopped && nowMs < limitMs_)) return;
    done_ = true;
    log_.write(LogLevel::info, "restart");
    system_.restart();
  }

 private:
  System& system_;
  Session& session_;
  LogRing& log_;
  bool requested_ = false;
  bool done_ = false;
  std::uint64_t limitMs_ = 0;
};

}  // namespace esplock

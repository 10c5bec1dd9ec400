#pragma once

#include "ports/clock.h"

namespace board {

/// The chip's timer, and SNTP until a relay has welcomed the door. SNTP is not authenticated: whoever owns the network
/// could set the clock back and play old commands, so it counts for the start only (protocol 6.6).
class EspClock final : public esplock::Clock {
 public:
  std::uint64_t monotonicMs() override;
  bool wallMs(std::uint64_t& outMs) override;

  /// Starts asking when the network is there, once; does nothing after onWelcome().
  void onNetworkUp(const char* server);
  void onWelcome();

 private:
  bool asking_ = false;
  bool welcomed_ = false;
};

}  // namespace board

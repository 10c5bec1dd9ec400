#pragma once

#include "ports/clock.h"

namespace board {

/// The chip's timer, and SNTP. SNTP is not authenticated: whoever owns the network could set the clock, so the core takes
/// one answer at the start, compares it with the relay's word and asks again only where the two differ (protocol 6.6).
class EspClock final : public esplock::Clock {
 public:
  std::uint64_t monotonicMs() override;
  bool wallMs(std::uint64_t& outMs) override;
  void askWall() override;

  /// Asks for the first time, once; `servers` must live as long as this.
  void onNetworkUp(const char* const (&servers)[3]);

 private:
  const char* const* servers_ = nullptr;   ///< null until the network is there
  bool asking_ = false;
};

}  // namespace board

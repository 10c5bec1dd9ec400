#pragma once

#include <cstdint>

#include "ports/input_pin.h"

namespace board {

/// Tells once when a button has been held without a break for `holdMs`. A button already down at the start does not
/// count until it has been let go: it may be a stuck contact.
class HoldButton {
 public:
  HoldButton(esplock::InputPin& pin, std::uint32_t holdMs) : pin_(pin), holdMs_(holdMs) {}

  bool heldNow(std::uint64_t nowMs) {
    const bool down = pin_.present() && pin_.active();
    if (!down) armed_ = true;
    if (!down || !wasDown_) sinceMs_ = nowMs;
    wasDown_ = down;
    if (!down || !armed_ || nowMs - sinceMs_ < holdMs_) return false;
    armed_ = false;
    return true;
  }

 private:
  esplock::InputPin& pin_;
  std::uint32_t holdMs_;
  bool armed_ = false;
  bool wasDown_ = false;
  std::uint64_t sinceMs_ = 0;
};

}  // namespace board

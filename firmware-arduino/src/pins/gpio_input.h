#pragma once

#include "ports/input_pin.h"

namespace board {

/// A switch to ground with the chip's pull-up. `activeHigh` for loops that are closed when all is well: a cut wire then
/// reads as an open door, not as a shut one. A negative pin is a part not fitted.
class GpioInput final : public esplock::InputPin {
 public:
  GpioInput(int pin, bool activeHigh) : pin_(pin), activeHigh_(activeHigh) {}

  void begin();
  bool present() override { return pin_ >= 0; }
  bool active() override;

 private:
  int pin_;
  bool activeHigh_;
};

}  // namespace board

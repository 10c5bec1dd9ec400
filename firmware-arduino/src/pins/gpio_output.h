#pragma once

#include "ports/output_pin.h"

namespace board {

/// The relay. From the constructor on the pin holds the inactive level, without an edge on the way there.
class GpioOutput final : public esplock::OutputPin {
 public:
  GpioOutput(int pin, bool activeHigh);
  void write(bool active) override;

 private:
  int pin_;
  bool activeHigh_;
};

}  // namespace board

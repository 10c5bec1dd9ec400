#include "pins/gpio_output.h"

#include <cstdint>

#include "driver/gpio.h"

namespace board {

GpioOutput::GpioOutput(int pin, bool activeHigh) : pin_(pin), activeHigh_(activeHigh) {
  // The level first, the direction after it: the other way round the pin would show whatever the latch held. Not with
  // digitalWrite(): from Arduino core 3 on it does nothing on a pin that pinMode() has not seen.
  write(false);
  gpio_config_t config{};
  config.pin_bit_mask = std::uint64_t{1} << static_cast<unsigned>(pin);
  config.mode = GPIO_MODE_OUTPUT;
  config.pull_up_en = activeHigh ? GPIO_PULLUP_DISABLE : GPIO_PULLUP_ENABLE;
  config.pull_down_en = activeHigh ? GPIO_PULLDOWN_ENABLE : GPIO_PULLDOWN_DISABLE;
  config.intr_type = GPIO_INTR_DISABLE;
  gpio_config(&config);
}

void GpioOutput::write(bool active) {
  gpio_set_level(static_cast<gpio_num_t>(pin_), active == activeHigh_ ? 1U : 0U);
}

}  // namespace board

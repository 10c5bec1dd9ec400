#include "pins/gpio_input.h"

#include <cstdint>

#include "driver/gpio.h"

namespace board {

void GpioInput::begin() {
  if (!present()) return;
  gpio_config_t config{};
  config.pin_bit_mask = std::uint64_t{1} << static_cast<unsigned>(pin_);
  config.mode = GPIO_MODE_INPUT;
  config.pull_up_en = GPIO_PULLUP_ENABLE;
  config.pull_down_en = GPIO_PULLDOWN_DISABLE;
  config.intr_type = GPIO_INTR_DISABLE;
  gpio_config(&config);
}

bool GpioInput::active() {
  return present() && (gpio_get_level(static_cast<gpio_num_t>(pin_)) != 0) == activeHigh_;
}

}  // namespace board

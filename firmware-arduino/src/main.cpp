// Entry of the firmware. The order is the point: the relay's pin first, and before Arduino itself, because between power
// and setup() lies initArduino(), which may spend seconds repairing flash.
#include <Arduino.h>
#include <esp_system.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

#include <new>

#include "board_defaults.h"
#include "pin_map.h"
#include "pins/gpio_output.h"
#include "platform/board.h"

namespace {

// Constructed with the other globals, before initArduino() and setup(): from here on the pin says "locked".
board::GpioOutput relay(board::pins.relay, board::relayActiveHigh);

// The door's own task: Arduino's loop() has 8 KiB of stack, opening an envelope wants more.
void doorTask(void*) {
  // Made here and not as a global: the core takes its memory in one piece, which is there now and not before the heap.
  auto* const door = new (std::nothrow) board::Board(relay);
  if (door == nullptr) esp_restart();
  door->begin();
  for (;;) {
    door->turn();
    vTaskDelay(pdMS_TO_TICKS(board::pollEveryMs));
  }
}

}  // namespace

void setup() {
  Serial.setRxBufferSize(4096);   // a pasted certificate comes faster than an RSA operation ends
  Serial.begin(board::serialBaud);
  const BaseType_t made =
      xTaskCreate(&doorTask, "esplock-door", board::doorStackBytes, nullptr, board::doorPriority, nullptr);
  if (made != pdPASS) esp_restart();
}

void loop() { vTaskDelete(nullptr); }   // its 8 KiB go back to the heap

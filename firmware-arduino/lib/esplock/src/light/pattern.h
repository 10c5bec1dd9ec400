// The LED table of the manual, as data.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ports/light_strip.h"

namespace esplock {

enum class LightPattern : std::uint8_t {
  joining_wifi,
  wifi_joined,
  connecting_socket,
  socket_up,
  command_received,
  error,
  keep_alive,
  unlocked,
  locked,
  settings_changed,
  update_running,
  query_answered,
};

struct LightRow {
  LightPattern pattern;
  const char* name;      ///< the word in logs and on the host's console
  const char* colour;
  Colour rgb;
  std::uint8_t times;
  std::uint16_t onMs;    ///< the dark gap between flashes is as long
};

constexpr std::size_t lightRowCount = 12;
extern const LightRow lightRows[lightRowCount];
const LightRow& rowOf(LightPattern pattern);

}  // namespace esplock

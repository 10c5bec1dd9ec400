#include "light/pattern.h"

namespace esplock {
namespace {

constexpr Colour blue{0, 0, 255};
constexpr Colour green{0, 255, 0};
constexpr Colour orange{255, 96, 0};
constexpr Colour white{255, 255, 255};
constexpr Colour red{255, 0, 0};
constexpr Colour yellow{255, 200, 0};
constexpr Colour purple{160, 0, 255};
constexpr Colour cyan{0, 255, 255};

}  // namespace

// In the order of the enum, so that rowOf is an index; a test walks both.
const LightRow lightRows[lightRowCount] = {
    {LightPattern::joining_wifi, "joining_wifi", "blue", blue, 1, 500},
    {LightPattern::wifi_joined, "wifi_joined", "green", green, 3, 100},
    {LightPattern::connecting_socket, "connecting_socket", "orange", orange, 1, 500},
    {LightPattern::socket_up, "socket_up", "green", green, 5, 100},
    {LightPattern::command_received, "command_received", "white", white, 1, 100},
    {LightPattern::error, "error", "red", red, 5, 100},
    {LightPattern::keep_alive, "keep_alive", "blue", blue, 1, 100},
    {LightPattern::unlocked, "unlocked", "green", green, 5, 100},
    {LightPattern::locked, "locked", "red", red, 5, 100},
    {LightPattern::settings_changed, "settings_changed", "yellow", yellow, 5, 100},
    {LightPattern::update_running, "update_running", "purple", purple, 5, 100},
    {LightPattern::query_answered, "query_answered", "cyan", cyan, 5, 100},
};

const LightRow& rowOf(LightPattern pattern) { return lightRows[static_cast<std::size_t>(pattern)]; }

}  // namespace esplock

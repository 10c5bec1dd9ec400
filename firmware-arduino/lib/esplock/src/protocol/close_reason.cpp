#include "protocol/close_reason.h"

namespace esplock {
namespace {

struct Row {
  CloseReason reason;
  std::uint16_t code;
  const char* text;
};

constexpr Row rows[] = {
    {CloseReason::done, 1000, "done"},
    {CloseReason::going_away, 1001, "going_away"},
    {CloseReason::too_big, 1009, "too_big"},
    {CloseReason::internal, 1011, "internal"},
    {CloseReason::no_subprotocol, 4000, "no_subprotocol"},
    {CloseReason::superseded, 4001, "superseded"},
    {CloseReason::session_ended, 4002, "session_ended"},
    {CloseReason::disabled, 4003, "disabled"},
    {CloseReason::protocol_error, 4004, "protocol_error"},
    {CloseReason::rate_limited, 4005, "rate_limited"},
    {CloseReason::keep_alive_timeout, 4006, "keep_alive_timeout"},
    {CloseReason::lost, 1006, "lost"},
    {CloseReason::unknown, 1005, "unknown"},
};

}  // namespace

const char* textOf(CloseReason reason) {
  for (const Row& row : rows) {
    if (row.reason == reason) return row.text;
  }
  return "unknown";
}

std::uint16_t closeCodeOf(CloseReason reason) {
  for (const Row& row : rows) {
    if (row.reason == reason) return row.code;
  }
  return 1005;
}

CloseReason closeReasonOf(std::uint16_t code) {
  for (const Row& row : rows) {
    if (row.code == code) return row.reason;
  }
  return CloseReason::unknown;
}

}  // namespace esplock

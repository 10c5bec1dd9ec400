#include "protocol/events.h"

namespace esplock {

const char* textOf(EventKind kind) {
  switch (kind) {
    case EventKind::locked: return "locked";
    case EventKind::unlocked: return "unlocked";
    case EventKind::forced_open: return "forced_open";
    case EventKind::held_open: return "held_open";
    case EventKind::tamper: return "tamper";
    case EventKind::wrong_password: return "wrong_password";
    case EventKind::lockout: return "lockout";
    case EventKind::replay_refused: return "replay_refused";
    case EventKind::boot: return "boot";
    case EventKind::fail_safe_entered: return "fail_safe_entered";
    case EventKind::fail_safe_left: return "fail_safe_left";
    case EventKind::clock_unsure: return "clock_unsure";
    case EventKind::configured: return "configured";
    case EventKind::low_heap: return "low_heap";
    case EventKind::update: return "update";
  }
  return "update";
}

}  // namespace esplock

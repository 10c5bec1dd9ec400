#include "lock/lock_types.h"

namespace esplock {

const char* textOf(LockState state) {
  switch (state) {
    case LockState::locked: return "locked";
    case LockState::unlocked: return "unlocked";
    case LockState::unknown: return "unknown";
  }
  return "unknown";
}

const char* textOf(ContactState state) {
  switch (state) {
    case ContactState::absent: return "absent";
    case ContactState::closed: return "closed";
    case ContactState::open: return "open";
  }
  return "absent";
}

}  // namespace esplock

#pragma once

#include <cstdint>

namespace esplock {

enum class LockState : std::uint8_t { locked, unlocked, unknown };
enum class ContactState : std::uint8_t { absent, closed, open };

/// What was asked for and what is so: they differ while the bolt waits for an open leaf, or after a forced opening.
struct LockReading {
  LockState requested = LockState::locked;
  LockState reported = LockState::locked;
  ContactState contact = ContactState::absent;
};

inline bool operator==(const LockReading& a, const LockReading& b) {
  return a.requested == b.requested && a.reported == b.reported && a.contact == b.contact;
}

const char* textOf(LockState state);
const char* textOf(ContactState state);

}  // namespace esplock

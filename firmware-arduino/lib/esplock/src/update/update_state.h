#pragma once

#include <cstdint>

namespace esplock {

/// Where an update stands at the door (protocol 12.4, 12.5).
enum class UpdateState : std::uint8_t {
  idle,          ///< none, or one that was cut off and can be resumed
  rebuilding,    ///< accepted again: what the slot holds is hashed anew
  downloading,
  checking,      ///< all there and the digest fits: the slot is read back
  ready,         ///< verified; waits for the lock to be at rest
  restarting,    ///< the next boot is the new image's
};
constexpr unsigned updateStateCount = 6;

enum class UpdateInput : std::uint8_t {
  accepted,      ///< an offer, from the first byte on
  resumed,       ///< an offer whose image is partly there
  rebuilt,
  complete,      ///< the last byte is in the slot
  verified,
  switched,
  suspended,     ///< connection lost, no bytes any more, or another offer: may be resumed
  failed,
};
constexpr unsigned updateInputCount = 8;

const char* textOf(UpdateState state);

/// For the console.
struct UpdateStatus {
  UpdateState state = UpdateState::idle;
  const char* version = "";        ///< of the update under way or cut off, else ""
  unsigned percent = 0;
  bool onTrial = false;
  const char* lastCode = "";       ///< of the last refusal or failure since the boot, else ""
  std::uint32_t securityFloor = 0;
};

constexpr unsigned maxReleaseKeyCount = 4;   ///< protocol 12.1

/// The one transition function (house rule 9); a state that does not know an input stays as it is.
UpdateState transition(UpdateState state, UpdateInput input);

}  // namespace esplock

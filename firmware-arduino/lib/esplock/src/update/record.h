// What an update leaves in the store: how far it has come, which images went wrong, and the security version below which
// nothing is taken any more. Written so that a power cut between any two writes leaves a state the next boot understands.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/semver.h"
#include "crypto/crypto.h"
#include "ports/key_value_store.h"
#include "protocol/frame.h"
#include "update/codes.h"

namespace esplock {

/// Stored: numbers are for ever.
enum class RecordPhase : std::uint8_t {
  none = 0,
  loading = 1,       ///< `offset` bytes are in the slot
  switched = 2,      ///< the new image is the one to boot
  confirmed = 3,     ///< it runs and is confirmed; the relay is still to be told
  rolled_back = 4,   ///< the old image runs again; the relay is still to be told
};

struct UpdateRecord {
  RecordPhase phase = RecordPhase::none;
  UpdateCode code = UpdateCode::none;    ///< why it was, or is to be, rolled back
  char id[Frame::maxIdChars + 1] = {};
  char version[maxVersionChars + 1] = {};
  std::uint8_t sha256[crypto::hashBytes] = {};
  std::uint32_t size = 0;
  std::uint32_t offset = 0;
  std::uint32_t securityVersion = 0;
};

class UpdateMemory {
 public:
  static constexpr std::size_t maxFailed = 4;

  explicit UpdateMemory(KeyValueStore& store) : store_(store) {}

  /// What cannot be read counts as absent, but for the floor: without that nothing may be taken.
  void load();

  const UpdateRecord& record() const { return record_; }
  UpdateRecord& record() { return record_; }

  /// Durable when it returns true.
  bool saveRecord();
  bool eraseRecord();

  bool floorKnown() const { return floorKnown_; }
  std::uint32_t floor() const { return floor_; }
  bool raiseFloor(std::uint32_t securityVersion);

  bool hasFailed(const std::uint8_t sha256[crypto::hashBytes]) const;
  bool addFailed(const std::uint8_t sha256[crypto::hashBytes]);

 private:
  void loadFailed();
  void loadFloor();

  KeyValueStore& store_;
  UpdateRecord record_;
  std::uint8_t failed_[maxFailed][crypto::hashBytes] = {};   ///< oldest first
  std::size_t failedCount_ = 0;
  std::uint32_t floor_ = 0;
  bool floorKnown_ = false;
};

}  // namespace esplock

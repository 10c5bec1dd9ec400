// At most once across restarts (protocol 6.6): a ring of the ids taken, and under it a floor of `iat` that only rises.
// What leaves the ring raises the floor, so that no movement of the clock brings an old envelope back. What survives a
// restart is the persisted mark, the highest `iat` ever accepted, the last ids, and the floor of what has left these: a
// sender who tries again in a new envelope keeps the id, and learns by `replayed` that the first one was taken.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "ports/key_value_store.h"

namespace esplock {

class ReplayGuard {
 public:
  static constexpr std::size_t ringLength = 256;
  static constexpr std::size_t keptLength = 32;   ///< of these the store remembers the ids over a restart
  static constexpr std::size_t idBytes = 16;
  static constexpr std::int64_t windowMs = 60'000;

  enum class Verdict : std::uint8_t { fresh, stale, replayed };

  explicit ReplayGuard(KeyValueStore& store) : store_(store) {}

  /// After a boot nothing at or below the mark is accepted. `corrupt` when mark or ids cannot be read; with an unreadable
  /// mark nothing is accepted until the owner clears it.
  Status load(std::uint64_t monotonicMs);
  std::int64_t mark() const { return markMs_; }

  /// Looks only. `replayed` says that the id is known; what is merely below the floor is `stale`.
  Verdict judge(const std::uint8_t jti[idBytes], std::int64_t iatMs, std::int64_t nowMs) const;
  bool has(const std::uint8_t jti[idBytes]) const;

  /// What is too old to be sent again makes room only when room is needed: the longer an id is known, the better. None
  /// goes within a minute of its being taken, whatever the sender's clock said: that long he may try again.
  bool hasRoom(std::int64_t nowMs, std::uint64_t monotonicMs);

  /// Persists mark and id, then remembers the id. Only after this may the door act.
  Status record(const std::uint8_t jti[idBytes], std::int64_t iatMs, std::uint64_t monotonicMs);

  /// For a command that proved by a challenge that it is new: its `iat` means nothing and moves neither mark nor floor.
  Status recordBound(const std::uint8_t jti[idBytes], std::uint64_t monotonicMs);

  /// Forgets the mark of a clock gone wrong. The ring stays, in memory and in the store, and so does the floor of what has
  /// left it, as far as it is not in the future itself: nothing runs twice by it. `busy`: there is such a floor, and no
  /// time to compare it with yet.
  Status clearMark(bool timeKnown, std::int64_t nowMs);

  /// Forgets everything, for a door that begins anew with another key.
  Status erase();

 private:
  struct Entry {
    std::uint8_t jti[idBytes];
    std::int64_t iatMs;      ///< -1: none that counts, with a challenge
    std::uint64_t takenMs;   ///< monotonic
  };
  Status loadKept(std::int64_t highestMs, std::uint64_t monotonicMs);
  Status remember(const Entry& entry);
  bool storeKept(std::size_t total, std::int64_t floorMs);

  KeyValueStore& store_;
  Entry ring_[ringLength] = {};
  std::size_t count_ = 0;
  std::int64_t markMs_ = 0;
  std::int64_t bootFloorMs_ = 0;   ///< the mark as it was at boot, or what the owner left of it
  std::int64_t keptFloorMs_ = 0;   ///< of what has left the ids in the store
  std::int64_t leftFloorMs_ = 0;   ///< of what has left the ring
};

}  // namespace esplock

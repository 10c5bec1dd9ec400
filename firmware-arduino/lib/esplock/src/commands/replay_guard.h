// At most once across restarts (protocol 6.6): a ring of the ids seen within the window, and under it a floor of `iat`
// that only rises. What leaves the ring raises the floor, so that no movement of the clock brings an old envelope back;
// what survives a restart is the persisted mark, the highest `iat` ever accepted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ports/key_value_store.h"
#include "status.h"

namespace esplock {

class ReplayGuard {
 public:
  static constexpr std::size_t ringLength = 256;
  static constexpr std::int64_t windowMs = 60'000;

  enum class Verdict : std::uint8_t { fresh, stale, replayed };

  explicit ReplayGuard(KeyValueStore& store) : store_(store) {}

  /// After a boot nothing at or below the mark is accepted. `corrupt` when the stored mark cannot be read.
  Status load();
  std::int64_t mark() const { return markMs_; }

  /// Looks only.
  Verdict judge(const std::uint8_t jti[16], std::int64_t iatMs, std::int64_t nowMs) const;
  bool hasRoom(std::int64_t nowMs);

  /// Persists the mark, then remembers the id. Only after this may the door act.
  Status record(const std::uint8_t jti[16], std::int64_t iatMs);

  Status clear();

 private:
  struct Entry {
    std::uint8_t jti[16];
    std::int64_t iatMs;
  };

  KeyValueStore& store_;
  Entry ring_[ringLength] = {};
  std::size_t count_ = 0;
  std::int64_t markMs_ = 0;
  std::int64_t floorMs_ = 0;
};

}  // namespace esplock

#include "access/replay_guard.h"

#include <cstring>

namespace esplock {
namespace {

constexpr char markName[] = "mark";
constexpr char keptName[] = "mark.kept";
constexpr char idsName[] = "mark.ids";   ///< of firmware before 0.2: the ids alone

constexpr std::size_t timeBytes = 8;
constexpr std::size_t entryBytes = ReplayGuard::idBytes + timeBytes;

void putTime(std::uint8_t* out, std::int64_t ms) {
  for (unsigned i = 0; i < timeBytes; ++i) out[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(ms) >> (8 * i));
}

std::int64_t getTime(const std::uint8_t* bytes) {
  std::uint64_t ms = 0;
  for (unsigned i = 0; i < timeBytes; ++i) ms |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  return static_cast<std::int64_t>(ms);
}

std::int64_t higher(std::int64_t a, std::int64_t b) { return a > b ? a : b; }
std::int64_t lower(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

}  // namespace

Status ReplayGuard::load(std::uint64_t monotonicMs) {
  count_ = 0;
  markMs_ = bootFloorMs_ = leftFloorMs_ = keptFloorMs_ = 0;
  std::uint8_t bytes[timeBytes] = {};
  std::size_t length = 0;
  const StoreResult result = store_.read(markName, bytes, sizeof bytes, length);
  const bool marked = result == StoreResult::ok && length == sizeof bytes;
  if (marked) markMs_ = getTime(bytes) & INT64_MAX;
  const bool broken = !marked && result != StoreResult::missing;
  // Not knowing what was accepted, accept nothing until the owner clears the mark.
  const std::int64_t highest = broken ? INT64_MAX : markMs_;
  const Status kept = loadKept(highest, monotonicMs);
  bootFloorMs_ = higher(highest, keptFloorMs_);
  return broken ? Status::corrupt : kept;
}

Status ReplayGuard::loadKept(std::int64_t highestMs, std::uint64_t monotonicMs) {
  std::uint8_t bytes[timeBytes + keptLength * entryBytes];
  std::size_t length = 0;
  StoreResult result = store_.read(keptName, bytes, sizeof bytes, length);
  const bool old = result == StoreResult::missing;
  if (old) result = store_.read(idsName, bytes, keptLength * idBytes, length);
  if (result == StoreResult::missing) return Status::ok;
  const std::size_t head = old ? 0 : timeBytes;
  const std::size_t step = old ? idBytes : entryBytes;
  if (result != StoreResult::ok || length < head || (length - head) % step != 0) {
    keptFloorMs_ = highestMs;
    return Status::corrupt;
  }
  keptFloorMs_ = old ? highestMs : getTime(bytes) & INT64_MAX;
  for (std::size_t at = head; at < length; at += step) {
    Entry& entry = ring_[count_++];
    std::memcpy(entry.jti, bytes + at, idBytes);
    entry.iatMs = old ? highestMs : higher(getTime(bytes + at + idBytes), -1);
    entry.takenMs = monotonicMs;
  }
  return Status::ok;
}

bool ReplayGuard::has(const std::uint8_t jti[idBytes]) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (std::memcmp(ring_[i].jti, jti, idBytes) == 0) return true;
  }
  return false;
}

ReplayGuard::Verdict ReplayGuard::judge(const std::uint8_t jti[idBytes], std::int64_t iatMs, std::int64_t nowMs) const {
  if (iatMs < nowMs - windowMs || iatMs > nowMs + windowMs) return Verdict::stale;
  if (has(jti)) return Verdict::replayed;
  return iatMs <= bootFloorMs_ || iatMs <= leftFloorMs_ ? Verdict::stale : Verdict::fresh;
}

bool ReplayGuard::hasRoom(std::int64_t nowMs, std::uint64_t monotonicMs) {
  if (count_ < ringLength) return true;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Entry& entry = ring_[i];
    const bool last = i + keptLength > count_;   // with the one to come they fill what the store remembers
    const bool timely = entry.iatMs >= 0 && entry.iatMs >= nowMs - windowMs;
    if (last || timely || monotonicMs - entry.takenMs <= std::uint64_t{windowMs}) ring_[kept++] = entry;
    else leftFloorMs_ = higher(leftFloorMs_, entry.iatMs);
  }
  count_ = kept;
  return count_ < ringLength;
}

Status ReplayGuard::record(const std::uint8_t jti[idBytes], std::int64_t iatMs, std::uint64_t monotonicMs) {
  if (count_ >= ringLength) return Status::busy;
  // The mark first: cut between the two, the envelope is refused, and what did not run is not called replayed.
  if (iatMs > markMs_) {
    std::uint8_t bytes[timeBytes];
    putTime(bytes, iatMs);
    if (!store_.write(markName, bytes, sizeof bytes)) return Status::store_failed;
    markMs_ = iatMs;
  }
  Entry entry{{}, iatMs, monotonicMs};
  std::memcpy(entry.jti, jti, idBytes);
  return remember(entry);
}

Status ReplayGuard::recordBound(const std::uint8_t jti[idBytes], std::uint64_t monotonicMs) {
  if (count_ >= ringLength) return Status::busy;
  Entry entry{{}, -1, monotonicMs};
  std::memcpy(entry.jti, jti, idBytes);
  return remember(entry);
}

Status ReplayGuard::remember(const Entry& entry) {
  ring_[count_] = entry;
  const std::size_t total = count_ + 1;
  const std::int64_t leaving = total > keptLength ? ring_[total - keptLength - 1].iatMs : 0;
  const std::int64_t floorMs = higher(keptFloorMs_, leaving);
  if (!storeKept(total, floorMs)) return Status::store_failed;
  count_ = total;
  keptFloorMs_ = floorMs;
  return Status::ok;
}

bool ReplayGuard::storeKept(std::size_t total, std::int64_t floorMs) {
  std::uint8_t bytes[timeBytes + keptLength * entryBytes];
  const std::size_t kept = total < keptLength ? total : keptLength;
  putTime(bytes, floorMs);
  for (std::size_t i = 0; i < kept; ++i) {
    const Entry& entry = ring_[total - kept + i];
    std::uint8_t* const at = bytes + timeBytes + i * entryBytes;
    std::memcpy(at, entry.jti, idBytes);
    putTime(at + idBytes, entry.iatMs);
  }
  return store_.write(keptName, bytes, timeBytes + kept * entryBytes);
}

Status ReplayGuard::clearMark(bool timeKnown, std::int64_t nowMs) {
  // What no id remembers any more is held by a floor alone. A clock gone wrong may have left that in the future too; no
  // envelope that counts by the right clock can be later than this.
  const std::int64_t latestMs = timeKnown ? nowMs + windowMs : INT64_MAX;
  if (!timeKnown && higher(keptFloorMs_, leftFloorMs_) > 0) return Status::busy;
  const std::int64_t floorMs = lower(keptFloorMs_, latestMs);
  if (floorMs != keptFloorMs_ && !storeKept(count_, floorMs)) return Status::store_failed;
  keptFloorMs_ = floorMs;
  leftFloorMs_ = lower(leftFloorMs_, latestMs);
  if (!store_.erase(markName)) return Status::store_failed;
  markMs_ = 0;
  bootFloorMs_ = floorMs;
  return Status::ok;
}

Status ReplayGuard::erase() {
  if (!store_.erase(markName) || !store_.erase(keptName) || !store_.erase(idsName)) return Status::store_failed;
  count_ = 0;
  markMs_ = bootFloorMs_ = leftFloorMs_ = keptFloorMs_ = 0;
  return Status::ok;
}

}  // namespace esplock

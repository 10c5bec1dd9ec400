#include "access/replay_guard.h"

#include <cstring>

namespace esplock {
namespace {

constexpr char markName[] = "mark";
constexpr char idsName[] = "mark.ids";

}  // namespace

Status ReplayGuard::load(std::uint64_t monotonicMs) {
  count_ = 0;
  markMs_ = bootFloorMs_ = leftFloorMs_ = 0;
  const Status ids = loadIds(monotonicMs);
  std::uint8_t bytes[8] = {};
  std::size_t length = 0;
  const StoreResult result = store_.read(markName, bytes, sizeof bytes, length);
  if (result == StoreResult::missing) return ids;
  if (result != StoreResult::ok || length != sizeof bytes) {
    bootFloorMs_ = INT64_MAX;   // not knowing what was accepted, accept nothing until the owner clears the mark
    return Status::corrupt;
  }
  std::uint64_t mark = 0;
  for (unsigned i = 0; i < 8; ++i) mark |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  markMs_ = static_cast<std::int64_t>(mark & 0x7FFF'FFFF'FFFF'FFFFULL);
  bootFloorMs_ = markMs_;
  return ids;
}

Status ReplayGuard::loadIds(std::uint64_t monotonicMs) {
  std::uint8_t bytes[keptLength * idBytes];
  std::size_t length = 0;
  const StoreResult result = store_.read(idsName, bytes, sizeof bytes, length);
  if (result == StoreResult::missing) return Status::ok;
  if (result != StoreResult::ok || length % idBytes != 0) return Status::corrupt;
  for (std::size_t at = 0; at < length; at += idBytes) {
    Entry& entry = ring_[count_++];
    std::memcpy(entry.jti, bytes + at, idBytes);
    entry.iatMs = -1;
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
    const bool timely = entry.iatMs >= 0 && entry.iatMs >= nowMs - windowMs;
    if (timely || monotonicMs - entry.takenMs <= std::uint64_t{windowMs}) ring_[kept++] = entry;
    else if (entry.iatMs > leftFloorMs_) leftFloorMs_ = entry.iatMs;
  }
  count_ = kept;
  return count_ < ringLength;
}

Status ReplayGuard::record(const std::uint8_t jti[idBytes], std::int64_t iatMs, std::uint64_t monotonicMs) {
  if (count_ >= ringLength) return Status::busy;
  // The mark first: cut between the two, the envelope is refused, and what did not run is not called replayed.
  if (iatMs > markMs_) {
    std::uint8_t bytes[8];
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(iatMs) >> (8 * i));
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
  if (!storeIds(entry)) return Status::store_failed;
  ring_[count_++] = entry;
  return Status::ok;
}

bool ReplayGuard::storeIds(const Entry& newest) {
  std::uint8_t bytes[keptLength * idBytes];
  const std::size_t older = count_ < keptLength - 1 ? count_ : keptLength - 1;
  for (std::size_t i = 0; i < older; ++i) std::memcpy(bytes + i * idBytes, ring_[count_ - older + i].jti, idBytes);
  std::memcpy(bytes + older * idBytes, newest.jti, idBytes);
  return store_.write(idsName, bytes, (older + 1) * idBytes);
}

Status ReplayGuard::clearMark() {
  if (!store_.erase(markName)) return Status::store_failed;
  markMs_ = bootFloorMs_ = 0;
  return Status::ok;
}

Status ReplayGuard::erase() {
  const Status status = clearMark();
  if (status != Status::ok) return status;
  if (!store_.erase(idsName)) return Status::store_failed;
  count_ = 0;
  leftFloorMs_ = 0;
  return Status::ok;
}

}  // namespace esplock

#include "commands/replay_guard.h"

#include <cstring>

namespace esplock {
namespace {

constexpr char markName[] = "mark";

}  // namespace

Status ReplayGuard::load() {
  std::uint8_t bytes[8] = {};
  std::size_t length = 0;
  const StoreResult result = store_.read(markName, bytes, sizeof bytes, length);
  count_ = 0;
  markMs_ = 0;
  floorMs_ = 0;
  if (result == StoreResult::missing) return Status::ok;
  if (result != StoreResult::ok || length != sizeof bytes) {
    floorMs_ = INT64_MAX;   // not knowing what was accepted, accept nothing until the owner clears the mark
    return Status::corrupt;
  }
  std::uint64_t mark = 0;
  for (unsigned i = 0; i < 8; ++i) mark |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  markMs_ = static_cast<std::int64_t>(mark & 0x7FFF'FFFF'FFFF'FFFFULL);
  floorMs_ = markMs_;
  return Status::ok;
}

ReplayGuard::Verdict ReplayGuard::judge(const std::uint8_t jti[16], std::int64_t iatMs, std::int64_t nowMs) const {
  if (iatMs < nowMs - windowMs || iatMs > nowMs + windowMs) return Verdict::stale;
  if (iatMs <= floorMs_) return Verdict::replayed;
  for (std::size_t i = 0; i < count_; ++i) {
    if (std::memcmp(ring_[i].jti, jti, sizeof ring_[i].jti) == 0) return Verdict::replayed;
  }
  return Verdict::fresh;
}

bool ReplayGuard::hasRoom(std::int64_t nowMs) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    if (ring_[i].iatMs >= nowMs - windowMs) {
      if (kept != i) ring_[kept] = ring_[i];
      ++kept;
    } else if (ring_[i].iatMs > floorMs_) {
      floorMs_ = ring_[i].iatMs;
    }
  }
  count_ = kept;
  return count_ < ringLength;
}

Status ReplayGuard::record(const std::uint8_t jti[16], std::int64_t iatMs) {
  if (count_ >= ringLength) return Status::busy;
  if (iatMs > markMs_) {
    std::uint8_t bytes[8];
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(iatMs) >> (8 * i));
    if (!store_.write(markName, bytes, sizeof bytes)) return Status::store_failed;
    markMs_ = iatMs;
  }
  std::memcpy(ring_[count_].jti, jti, sizeof ring_[count_].jti);
  ring_[count_].iatMs = iatMs;
  ++count_;
  return Status::ok;
}

Status ReplayGuard::clear() {
  if (!store_.erase(markName)) return Status::store_failed;
  count_ = 0;
  markMs_ = 0;
  floorMs_ = 0;
  return Status::ok;
}

}  // namespace esplock

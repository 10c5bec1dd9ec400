#include "log/log_ring.h"

#include <limits>

namespace esplock {
namespace {

std::int32_t bounded(std::int64_t value) {
  constexpr std::int64_t least = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(value < least ? least : (value > most ? most : value));
}

}  // namespace

void LogRing::write(LogLevel level, const char* cause, std::int64_t detail) {
  const std::uint64_t nowMs = clock_.monotonicMs();
  entries_[next_] = Kept{cause, bounded(detail), static_cast<std::uint32_t>(nowMs),
                         static_cast<std::uint16_t>(nowMs >> 32), level};
  next_ = (next_ + 1) % capacity;
  if (count_ < capacity) ++count_;
  sink_.write(level, cause, detail);
}

LogRing::Entry LogRing::at(std::size_t index) const {
  const Kept& kept = entries_[(next_ + capacity - count_ + index) % capacity];
  return {(static_cast<std::uint64_t>(kept.atHighMs) << 32) | kept.atLowMs, kept.detail, kept.cause, kept.level};
}

}  // namespace esplock

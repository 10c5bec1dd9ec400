#include "log/log_ring.h"

namespace esplock {

void LogRing::write(LogLevel level, const char* cause, std::int64_t detail) {
  entries_[next_] = Entry{clock_.monotonicMs(), detail, cause, level};
  next_ = (next_ + 1) % capacity;
  if (count_ < capacity) ++count_;
  sink_.write(level, cause, detail);
}

}  // namespace esplock

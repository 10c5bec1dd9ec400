#pragma once

#include <cstdint>

namespace esplock {

/// A switch, believed once it has said the same for a while.
class Debounce {
 public:
  /// True when what is believed has changed.
  bool update(bool raw, std::uint64_t nowMs, std::uint32_t forMs) {
    if (raw != candidate_) {
      candidate_ = raw;
      sinceMs_ = nowMs;
    }
    if (candidate_ == believed_ || nowMs - sinceMs_ < forMs) return false;
    believed_ = candidate_;
    return true;
  }
  /// Believes it at once, as at the first look.
  void set(bool raw) { believed_ = candidate_ = raw; }
  bool on() const { return believed_; }

 private:
  bool believed_ = false;
  bool candidate_ = false;
  std::uint64_t sinceMs_ = 0;
};

}  // namespace esplock

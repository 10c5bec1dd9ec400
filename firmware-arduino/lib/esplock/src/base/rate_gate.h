#pragma once

#include <cstdint>

namespace esplock {

/// Token bucket in front of decryption, which costs a board most of a second.
class RateGate {
 public:
  RateGate(std::uint32_t perSecond, std::uint32_t burst)
      : perSecond_(perSecond), burst_(burst), milliTokens_(std::uint64_t{burst} * 1000) {}

  bool take(std::uint64_t nowMs) {
    if (perSecond_ == 0) return true;
    const std::uint64_t full = std::uint64_t{burst_} * 1000;
    const std::uint64_t elapsedMs = nowMs - lastMs_ > 3'600'000 ? 3'600'000 : nowMs - lastMs_;
    milliTokens_ += elapsedMs * perSecond_;
    lastMs_ = nowMs;
    if (milliTokens_ > full) milliTokens_ = full;
    if (milliTokens_ < 1000) return false;
    milliTokens_ -= 1000;
    return true;
  }

 private:
  std::uint32_t perSecond_;
  std::uint32_t burst_;
  std::uint64_t milliTokens_;
  std::uint64_t lastMs_ = 0;
};

}  // namespace esplock

#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace esplock {

/// Compares the door password in constant time; five bad ones lock all commands out for 60 s, doubling to an hour
/// (protocol 6.6). A good one resets the count. Kept in RAM: a power cut ends a lock-out, and so every bad password
/// costs no flash write.
class CredentialGuard {
 public:
  static constexpr unsigned badBeforeLockout = 5;
  static constexpr std::uint64_t firstLockoutMs = 60'000;
  static constexpr std::uint64_t longestLockoutMs = 3'600'000;

  enum class Verdict : std::uint8_t { good, bad, badAndLockedOut };

  bool lockedOut(std::uint64_t nowMs) const { return nowMs < lockedUntilMs_; }
  Verdict check(std::string_view given, std::string_view expected, std::uint64_t nowMs);

 private:
  unsigned bad_ = 0;
  std::uint64_t lockoutMs_ = firstLockoutMs;
  std::uint64_t lockedUntilMs_ = 0;
};

}  // namespace esplock

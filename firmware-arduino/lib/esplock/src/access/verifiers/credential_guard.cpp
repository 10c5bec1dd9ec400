#include "access/verifiers/credential_guard.h"

#include "crypto/crypto.h"

namespace esplock {
namespace {

/// Over hashes, so that neither the place of the first difference nor the length shows in the time.
bool samePassword(std::string_view given, std::string_view expected) {
  crypto::Secret<crypto::hashBytes> a;
  crypto::Secret<crypto::hashBytes> b;
  if (crypto::sha256(given.data(), given.size(), a.bytes) != Status::ok) return false;
  if (crypto::sha256(expected.data(), expected.size(), b.bytes) != Status::ok) return false;
  return crypto::equalConstantTime(a.bytes, b.bytes, crypto::hashBytes) && !expected.empty();
}

}  // namespace

CredentialGuard::Verdict CredentialGuard::check(std::string_view given, std::string_view expected,
                                                std::uint64_t nowMs) {
  if (samePassword(given, expected)) {
    bad_ = 0;
    lockoutMs_ = firstLockoutMs;
    return Verdict::good;
  }
  if (++bad_ < badBeforeLockout) return Verdict::bad;
  bad_ = 0;
  lockedUntilMs_ = nowMs + lockoutMs_;
  lockoutMs_ = lockoutMs_ * 2 > longestLockoutMs ? longestLockoutMs : lockoutMs_ * 2;
  return Verdict::badAndLockedOut;
}

}  // namespace esplock

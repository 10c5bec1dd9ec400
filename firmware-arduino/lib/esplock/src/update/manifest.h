// Reads a release manifest and decides whether this door takes it, before the first byte of the image (protocol 12.1,
// 12.5). Pure: nothing here stores or sends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/semver.h"
#include "jose/jws_reader.h"
#include "update/codes.h"
#include "update/update_state.h"

namespace esplock {

constexpr std::uint32_t maxImageBytes = 4U * 1024 * 1024;

struct Manifest {
  char version[maxVersionChars + 1] = {};
  std::uint32_t securityVersion = 0;
  std::uint32_t size = 0;
  std::uint8_t sha256[crypto::hashBytes] = {};
  std::int64_t expiresAtMs = 0;
};

/// What a manifest is held against.
struct ManifestRules {
  const char* trustedKeys[maxReleaseKeyCount] = {};   ///< PEM; null or empty: none
  const char* board = "";
  const char* version = "";                ///< of the running image; anything is newer than one that is no semver
  std::uint32_t securityFloor = 0;
  std::size_t capacity = 0;                ///< of the slot
  std::int64_t nowMs = 0;
};

/// The claims alone, whose signature is good.
UpdateCode checkClaims(json::Value root, const ManifestRules& rules, Manifest& out);

class ManifestReader {
 public:
  explicit ManifestReader(Workspace& workspace) : reader_(workspace) {}

  /// `none` when the release may be taken; `out` is filled then, and not to be used otherwise. The first fault found in
  /// the order of protocol 12.5 gives the code: signature, product, board, expiry, security version, version, size.
  UpdateCode check(std::string_view jws, const ManifestRules& rules, Manifest& out);

 private:
  UpdateCode checkSignature(std::string_view jws, const ManifestRules& rules);

  JwsReader reader_;
};

}  // namespace esplock

// A release manifest from anybody: as a compact JWS to a door that trusts a key, and as claims whose signature is good.
#include <cstdlib>
#include <string_view>

#include "support/releases.h"
#include "update/manifest.h"

using namespace esplock;

namespace {

constexpr std::size_t capacity = 1'900'544;

ManifestRules rulesOf() {
  crypto::start();
  ManifestRules rules;
  rules.trustedKeys[0] = releases::key("trusted").pem.c_str();
  rules.board = "esp32dev";
  rules.version = "1.2.3";
  rules.securityFloor = 4;
  rules.capacity = capacity;
  rules.nowMs = 1'800'000'000'000;
  return rules;
}

void checkTaken(const Manifest& taken, const ManifestRules& rules) {
  const bool good = isVersion(taken.version) && compareVersions(taken.version, rules.version) > 0 && taken.size >= 1 &&
                    taken.size <= capacity && taken.securityVersion >= rules.securityFloor &&
                    taken.expiresAtMs > rules.nowMs;
  if (!good) std::abort();
}

/// An order: the same both ways round.
void checkOrder(std::string_view a, std::string_view b) {
  if (!isVersion(a) || !isVersion(b)) return;
  const int forth = compareVersions(a, b);
  const int back = compareVersions(b, a);
  if ((forth < 0) != (back > 0) || (forth == 0) != (back == 0) || compareVersions(a, a) != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ManifestRules rules = rulesOf();
  static Workspace workspace;
  static ManifestReader reader(workspace);
  static json::Document document;
  static Manifest manifest;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Nobody without the key can make one that is taken.
  if (reader.check(text, rules, manifest) == UpdateCode::none) std::abort();
  if (document.parse(text) == Status::ok && checkClaims(document.root(), rules, manifest) == UpdateCode::none) {
    checkTaken(manifest, rules);
  }
  const std::size_t line = text.find('\n');
  if (line != std::string_view::npos) checkOrder(text.substr(0, line), text.substr(line + 1));
  return 0;
}

#include "update/manifest.h"

#include <cstring>

#include "base/base64url.h"
#include "identity/ec_key.h"

namespace esplock {
namespace {

constexpr std::size_t maxBoardChars = 64;
constexpr std::size_t maxNotesUnits = 512;
constexpr std::size_t claimCount = 8;   // and `notes`, if there

bool isKid(std::string_view kid) { return kid.size() == kidChars && base64url::isCanonical(kid); }

bool isBoard(json::Value value) {
  char text[maxBoardChars + 1];
  if (value.cString(text, sizeof text) != Status::ok || text[0] == '\0') return false;
  for (std::size_t i = 0; text[i] != '\0'; ++i) {
    const char c = text[i];
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!alnum && (i == 0 || (c != '.' && c != '_' && c != '-'))) return false;
  }
  return true;
}

/// Counted as the relay does, in UTF-16 units: an escape is one, a character beyond the first plane is two.
bool isNotes(json::Value value) {
  if (!value.isString()) return false;
  const std::string_view raw = value.raw();
  std::size_t units = 0;
  for (std::size_t i = 0; i < raw.size(); ++i, ++units) {
    const auto byte = static_cast<std::uint8_t>(raw[i]);
    if (raw[i] == '\\') i += raw[i + 1] == 'u' ? 5 : 1;   // the reader has seen to it that they are there
    else if (byte >= 0xF0) { i += 3; ++units; }
    else if (byte >= 0xE0) i += 2;
    else if (byte >= 0xC0) i += 1;
  }
  return units <= maxNotesUnits;
}

bool readDigest(json::Value value, std::uint8_t out[crypto::hashBytes]) {
  char text[2 * crypto::hashBytes + 1];
  std::size_t length = 0;
  if (value.text(text, sizeof text, length) != Status::ok || length != 2 * crypto::hashBytes) return false;
  for (std::size_t i = 0; i < length; ++i) {
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return false;
    const auto nibble = static_cast<std::uint8_t>(digit ? c - '0' : c - 'a' + 10);
    out[i / 2] = static_cast<std::uint8_t>(i % 2 == 0 ? nibble << 4 : out[i / 2] | nibble);
  }
  return true;
}

/// `size` as it stands, for the caller to bound.
bool readClaims(json::Value root, Manifest& out, std::int64_t& size) {
  const json::Value notes = root["notes"];
  if (root.size() != claimCount + (notes.exists() ? 1U : 0U)) return false;
  if (notes.exists() && !isNotes(notes)) return false;
  std::int64_t createdAtMs = 0;
  std::int64_t securityVersion = 0;
  const bool numbers = root["createdAt"].integer(createdAtMs) && root["expiresAt"].integer(out.expiresAtMs) &&
                       root["securityVersion"].integer(securityVersion) && root["size"].integer(size);
  if (!numbers || createdAtMs < 0 || out.expiresAtMs < 0 || size < 1) return false;
  if (securityVersion < 0 || securityVersion > 0xFFFF'FFFFLL) return false;
  out.securityVersion = static_cast<std::uint32_t>(securityVersion);
  if (root["version"].cString(out.version, sizeof out.version) != Status::ok || !isVersion(out.version)) return false;
  return isBoard(root["board"]) && readDigest(root["sha256"], out.sha256);
}

bool isNewer(const char* offered, const char* running) {
  return !isVersion(running) || compareVersions(offered, running) > 0;
}

}  // namespace

UpdateCode ManifestReader::checkSignature(std::string_view jws, const ManifestRules& rules) {
  if (reader_.read(jws, "ES256", "openlock-release+jws") != Status::ok || !isKid(reader_.kid())) {
    return UpdateCode::bad_signature;
  }
  for (const char* pem : rules.trustedKeys) {
    std::uint8_t point[ecPointBytes];
    char kid[kidChars + 1] = {};
    if (pem == nullptr || readEcPublicPem(pem, point) != Status::ok) continue;
    if (ecThumbprint(point, kid) != Status::ok || reader_.kid() != kid) continue;
    const bool good = reader_.verifyEs256({point, sizeof point}) == Status::ok;
    return good ? UpdateCode::none : UpdateCode::bad_signature;
  }
  return UpdateCode::unknown_key;
}

UpdateCode ManifestReader::check(std::string_view jws, const ManifestRules& rules, Manifest& out) {
  const UpdateCode signature = checkSignature(jws, rules);
  return signature == UpdateCode::none ? checkClaims(reader_.parsePayload(), rules, out) : signature;
}

UpdateCode checkClaims(json::Value root, const ManifestRules& rules, Manifest& out) {
  out = Manifest{};
  if (!root.isObject()) return UpdateCode::bad_signature;
  const json::Value product = root["product"];
  if (product.exists() && !product.equals("esplock")) return UpdateCode::wrong_product;
  std::int64_t size = 0;
  if (!product.exists() || !readClaims(root, out, size)) return UpdateCode::bad_signature;
  if (!root["board"].equals(rules.board)) return UpdateCode::wrong_board;
  if (out.expiresAtMs <= rules.nowMs) return UpdateCode::expired;
  if (out.securityVersion < rules.securityFloor) return UpdateCode::security_version;
  if (!isNewer(out.version, rules.version)) return UpdateCode::downgrade;
  if (size > static_cast<std::int64_t>(maxImageBytes)) return UpdateCode::too_large;
  out.size = static_cast<std::uint32_t>(size);
  return out.size > rules.capacity ? UpdateCode::no_space : UpdateCode::none;
}

}  // namespace esplock

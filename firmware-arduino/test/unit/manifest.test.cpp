// Release manifests (protocol 12.1, 12.5, 12.7): the shared vectors, semver, keys.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <string>

#include "identity/ec_key.h"
#include "support/releases.h"
#include "update/manifest.h"

using namespace esplock;
using Json = nlohmann::json;

namespace {

const Json& vectors() {
  static const Json all = [] {
    std::ifstream file(ESPLOCK_ROOT "/../test/fixtures/protocol/releases.json");
    return file ? Json::parse(file) : Json();
  }();
  return all;
}

struct Check {
  ManifestRules rules;
  Workspace workspace;
  ManifestReader reader{workspace};
  Manifest manifest;
  std::string board = "test";
  std::string version = "1.2.3";

  Check() {
    crypto::start();
    rules.trustedKeys[0] = releases::key("release").pem.c_str();
    rules.board = board.c_str();
    rules.version = version.c_str();
    rules.securityFloor = 4;
    rules.capacity = 1'000'000;
    rules.nowMs = 1'800'000'000'000;
  }
  std::string code(const std::string& text) { return textOf(reader.check(text, rules, manifest)); }
};

releases::Spec goodSpec() { return releases::specOf(releases::image(5'000)); }

}  // namespace

TEST_CASE("shared vectors: release manifests") {
  if (vectors().is_null()) {
    std::printf("SKIPPED: releases.json is not there\n");
    return;
  }
  crypto::start();
  const Json& door = vectors()["door"];
  const std::string board = door["board"];
  const std::string version = door["version"];
  std::vector<std::string> keys;
  for (const Json& key : vectors()["keys"]) keys.push_back(key["publicKeyPem"]);
  ManifestRules rules;
  for (std::size_t i = 0; i < keys.size(); ++i) rules.trustedKeys[i + 1] = keys[i].c_str();
  rules.board = board.c_str();
  rules.version = version.c_str();
  rules.securityFloor = door["securityVersion"];
  rules.capacity = door["capacity"];
  rules.nowMs = door["nowMs"];
  Workspace workspace;
  ManifestReader reader{workspace};
  int count = 0;
  for (const Json& entry : vectors()["cases"]) {
    CAPTURE(entry["name"].get<std::string>());
    Manifest manifest;
    const UpdateCode code = reader.check(entry["manifest"].get<std::string>(), rules, manifest);
    CHECK(std::string(code == UpdateCode::none ? "ok" : textOf(code)) == entry["code"].get<std::string>());
    ++count;
  }
  std::printf("releases.json: %d manifests\n", count);
}

TEST_CASE("shared vectors: versions are ordered as semver says, and only semver is a version") {
  if (vectors().is_null()) return;
  const Json& ascending = vectors()["versions"]["ascending"];
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    const std::string a = ascending[i];
    CAPTURE(a);
    CHECK(isVersion(a));
    CHECK(compareVersions(a, a) == 0);
    for (std::size_t j = i + 1; j < ascending.size(); ++j) {
      const std::string b = ascending[j];
      CAPTURE(b);
      CHECK(compareVersions(a, b) < 0);
      CHECK(compareVersions(b, a) > 0);
    }
  }
  for (const Json& text : vectors()["versions"]["invalid"]) {
    CAPTURE(text.get<std::string>());
    CHECK_FALSE(isVersion(text.get<std::string>()));
  }
}

TEST_CASE("versions: the build says nothing of the order, and numbers of any length are exact") {
  CHECK(isVersion("1.2.3+build.007"));
  CHECK(compareVersions("1.2.3+a", "1.2.3+b") == 0);
  CHECK(compareVersions("1.2.3-rc.1+z", "1.2.3-rc.1") == 0);
  CHECK(compareVersions("1.2.3-a-b", "1.2.3-a") > 0);
  CHECK(isVersion("99999999999999999999.0.0"));
  CHECK(compareVersions("99999999999999999999.0.0", "100000000000000000000.0.0") < 0);
  CHECK_FALSE(isVersion("1.2.3+"));
  CHECK_FALSE(isVersion("1.2.3+a+b"));
  CHECK(isVersion("1.2.3-" + std::string(58, 'a')));
  CHECK_FALSE(isVersion("1.2.3-" + std::string(59, 'a')));
}

TEST_CASE("shared vectors: thumbprints of release keys (RFC 7638)") {
  if (vectors().is_null()) return;
  crypto::start();
  for (const char* list : {"keys", "strangers"}) {
    for (const Json& key : vectors()[list]) {
      std::uint8_t point[ecPointBytes];
      char kid[kidChars + 1] = {};
      REQUIRE(readEcPublicPem(key["publicKeyPem"].get<std::string>(), point) == Status::ok);
      REQUIRE(ecThumbprint(point, kid) == Status::ok);
      CHECK(key["kid"] == kid);
    }
  }
}

TEST_CASE("a release key is a P-256 public key and nothing else") {
  std::uint8_t point[ecPointBytes];
  const std::string good = releases::key("release").pem;
  CHECK(readEcPublicPem(good, point) == Status::ok);
  CHECK(readEcPublicPem("text before\n" + good + "and after", point) == Status::ok);
  std::string carriage;
  for (const char c : good) carriage += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(readEcPublicPem(carriage, point) == Status::ok);
  for (std::size_t cut = 0; cut + 26 < good.size(); ++cut) {
    CHECK(readEcPublicPem(good.substr(0, cut), point) != Status::ok);
  }
  const std::size_t body = good.find('\n') + 1;
  for (const std::string& text : {std::string(), good.substr(0, body) + "AAAA" + good.substr(body), good.substr(0, body) + good.substr(body + 4),
                                  good.substr(0, body) + "-----END PUBLIC KEY-----", std::string("-----END PUBLIC KEY----------BEGIN PUBLIC KEY-----"),
                                  std::string("-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----\n")}) {
    CAPTURE(text);
    CHECK(readEcPublicPem(text, point) == Status::malformed);
  }
  std::string otherCurve = good;
  otherCurve[body + 20] = otherCurve[body + 20] == 'A' ? 'B' : 'A';   // inside the algorithm
  CHECK(readEcPublicPem(otherCurve, point) == Status::malformed);
}

TEST_CASE("a good manifest says what the door needs of it") {
  Check check;
  releases::Spec spec = goodSpec();
  spec.securityVersion = 9;
  REQUIRE(check.code(releases::sign(spec)) == "");
  CHECK(std::string(check.manifest.version) == "1.3.0");
  CHECK(check.manifest.securityVersion == 9);
  CHECK(check.manifest.size == 5'000);
  CHECK(releases::hexOf({check.manifest.sha256, check.manifest.sha256 + 32}) == spec.sha256);
  CHECK(check.manifest.expiresAtMs == spec.expiresAt);
}

TEST_CASE("the key is chosen by kid, from any of four places; a point off the curve is no key") {
  Check check;
  const std::string text = releases::sign(goodSpec());
  const char* const pem = check.rules.trustedKeys[0];
  for (std::size_t place = 0; place < maxReleaseKeyCount; ++place) {
    check.rules = ManifestRules(check.rules);
    for (auto& key : check.rules.trustedKeys) key = releases::key("other").pem.c_str();
    check.rules.trustedKeys[place] = pem;
    CHECK(check.code(text) == "");
  }
  for (auto& key : check.rules.trustedKeys) key = nullptr;
  CHECK(check.code(text) == "unknown_key");
  check.rules.trustedKeys[1] = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
  CHECK(check.code(text) == "unknown_key");
}

TEST_CASE("any bit of a manifest that changes is noticed") {
  Check check;
  const std::string text = releases::sign(goodSpec());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string broken = text;
    broken[i] = broken[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    CHECK(check.code(broken) != "");
  }
}

TEST_CASE("a running image whose version is no semver takes any that is") {
  Check check;
  check.rules.version = "dev";
  releases::Spec spec = goodSpec();
  spec.version = "0.0.1-0";
  CHECK(check.code(releases::sign(spec)) == "");
}

TEST_CASE("each update code has its word") {
  const char* const words[updateCodeCount] = {
      "", "bad_signature", "unknown_key", "wrong_product", "wrong_board", "expired", "downgrade", "security_version", "too_large",
      "no_space", "busy", "hash_mismatch", "size_mismatch", "write_failed", "failed_before", "boot_failed", "not_confirmed"};
  for (unsigned i = 0; i < updateCodeCount; ++i) CHECK(std::string(textOf(static_cast<UpdateCode>(i))) == words[i]);
}

#include <doctest/doctest.h>

#include <string>

#include "config/origin.h"
#include "config/settings_codec.h"
#include "config/settings_store.h"
#include "support/door_fixture.h"
#include "workspace/workspace.h"

using namespace esplock;

namespace {

Settings sample(const std::string& ssid) {
  Settings settings;
  setText(settings, SettingId::wifiSsid, ssid);
  setText(settings, SettingId::serverAddress, "https://relay.example:8443");
  setText(settings, SettingId::caCertificate, fixture::caPem);
  setText(settings, SettingId::doorId, "front-door");
  setText(settings, SettingId::doorPassword, "correct horse");
  setNumber(settings, SettingId::autoRelockMs, 1234);
  setText(settings, SettingId::failSafe, "unlock");
  setText(settings, SettingId::releaseKeys, "-----BEGIN PUBLIC KEY-----\nMFk\n-----END PUBLIC KEY-----\n");
  return settings;
}

bool sameBytes(const Settings& a, const Settings& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

struct StoreFixture {
  fakes::FakeStore& store;
  fakes::FakeSystem system;
  fakes::FakeRandom random;
  crypto::Sealer sealer{system, random};
  Workspace workspace;
  SettingsStore settings;
  Settings scratch;
  explicit StoreFixture(fakes::FakeStore& values) : store(values), settings(values, sealer, workspace) { crypto::start(); }
};

}  // namespace

TEST_CASE("an https origin is taken, anything more or less is not") {
  Origin origin;
  for (const char* good : {"https://a", "https://relay.example", "https://relay.example:8443", "https://127.0.0.1:1",
                           "https://[::1]:8443", "https://[2001:db8::1]", "https://localhost:65535"}) {
    CAPTURE(good);
    CHECK(parseHttpsOrigin(good, origin));
  }
  CHECK(origin.port == 65535);
  for (const char* bad : {"", "http://a", "https://", "https://a/", "https://a/b", "https://a?x", "https://u@a", "https://A",
                          "https://a:", "https://a:0", "https://a:65536", "https://a:080", "https://a:1x", "https://a.",
                          "https://-a", "https://.a", "https://[::1", "https://[::1]x", "https://a b", "https://a\n",
                          "https://[]", "HTTPS://a", "https://a:443:1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parseHttpsOrigin(bad, origin));
  }
}

TEST_CASE("each setting has its bounds (protocol 6.3)") {
  Settings s;
  const auto text = [&s](SettingId id, const std::string& value) { return setText(s, id, value) == Status::ok; };
  CHECK(text(SettingId::wifiSsid, std::string(32, 'a')));
  CHECK_FALSE(text(SettingId::wifiSsid, std::string(33, 'a')));
  CHECK_FALSE(text(SettingId::wifiSsid, ""));
  CHECK(text(SettingId::wifiPassword, ""));
  CHECK(text(SettingId::wifiPassword, "12345678"));
  CHECK(text(SettingId::wifiPassword, std::string(63, 'a')));
  CHECK_FALSE(text(SettingId::wifiPassword, "1234567"));
  CHECK_FALSE(text(SettingId::wifiPassword, std::string(64, 'a')));
  CHECK(text(SettingId::doorId, "abc"));
  CHECK(text(SettingId::doorId, std::string(64, 'a')));
  for (const std::string bad : {"ab", "-abc", "_ab", "a b", "a/b", "\xC3\xA4\xC3\xA4"}) {
    CHECK_FALSE(text(SettingId::doorId, bad));
  }
  CHECK_FALSE(text(SettingId::doorId, std::string(65, 'a')));
  CHECK_FALSE(text(SettingId::doorPassword, "1234567"));
  CHECK(text(SettingId::doorPassword, "12345678"));
  std::string umlauts;
  for (int i = 0; i < 128; ++i) umlauts += "\xF0\x9F\x98\x80";
  CHECK(text(SettingId::doorPassword, umlauts));
  CHECK_FALSE(text(SettingId::doorPassword, umlauts + "x"));
  CHECK_FALSE(text(SettingId::doorPassword, std::string("1234567\0x", 9)));
  CHECK(text(SettingId::caCertificate, fixture::caPem));
  CHECK_FALSE(text(SettingId::caCertificate, ""));
  CHECK_FALSE(text(SettingId::caCertificate, "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"));
  CHECK_FALSE(text(SettingId::failSafe, "open"));
  CHECK(setNumber(s, SettingId::autoRelockMs, 3'600'000) == Status::ok);
  CHECK(setNumber(s, SettingId::autoRelockMs, 3'600'001) != Status::ok);
  CHECK(setNumber(s, SettingId::failSafeAfterMs, -1) != Status::ok);
  CHECK(setNumber(s, SettingId::doorId, 1) != Status::ok);
  const std::string releaseKey = "-----BEGIN PUBLIC KEY-----\nM\n-----END PUBLIC KEY-----\n";
  for (int i = 0; i < 4; ++i) CHECK(text(SettingId::releaseKeys, releaseKey));
  CHECK_FALSE(text(SettingId::releaseKeys, releaseKey));
  CHECK(text(SettingId::serverAddress, "https://relay.example:443"));
  CHECK(std::string(s.serverAddress) == "https://relay.example");
}

TEST_CASE("settings come back from their bytes as they went in") {
  const Settings in = sample("home");
  std::uint8_t bytes[maxSettingsBytes];
  std::size_t length = 0;
  REQUIRE(encodeSettings(in, bytes, sizeof bytes, length) == Status::ok);
  Settings out;
  REQUIRE(decodeSettings({bytes, length}, out) == Status::ok);
  CHECK(sameBytes(in, out));
  for (std::size_t cut = 1; cut < length; ++cut) {
    const Status status = decodeSettings({bytes, cut}, out);
    CHECK((status == Status::ok || status == Status::corrupt));   // a cut between records is a shorter list
  }
}

TEST_CASE("an older image reads what a newer one added, and refuses what it cannot understand") {
  std::uint8_t bytes[maxSettingsBytes];
  std::size_t length = 0;
  REQUIRE(encodeSettings(sample("home"), bytes, sizeof bytes, length) == Status::ok);
  const std::uint8_t added[] = {200, 2, 0, 1, 2};
  std::memcpy(bytes + length, added, sizeof added);
  Settings out;
  CHECK(decodeSettings({bytes, length + sizeof added}, out) == Status::ok);
  bytes[2] = settingsFormat + 1;
  CHECK(decodeSettings({bytes, length}, out) == Status::ok);
  bytes[3] = settingsFormat + 1;
  CHECK(decodeSettings({bytes, length}, out) == Status::unsupported);
  const std::uint8_t twice[] = {'S', 'T', 1, 1, 5, 3, 0, 'a', 'b', 'c', 5, 3, 0, 'a', 'b', 'd'};
  CHECK(decodeSettings({twice, sizeof twice}, out) == Status::corrupt);
  const std::uint8_t older[] = {'S', 'T', 1, 1, 5, 3, 0, 'a', 'b', 'c'};
  REQUIRE(decodeSettings({older, sizeof older}, out) == Status::ok);
  CHECK(out.autoRelockMs == Settings{}.autoRelockMs);
}

TEST_CASE("power loss after any write leaves the old settings or the new, never neither") {
  for (int writes = 0; writes < 3; ++writes) {
    for (int earlier = 0; earlier < 4; ++earlier) {
      CAPTURE(writes);
      CAPTURE(earlier);
      fakes::FakeStore values;
      for (int i = 0; i <= earlier; ++i) {
        StoreFixture before(values);
        Settings ignored;
        before.settings.load(ignored, before.scratch);
        REQUIRE(before.settings.saveKept(sample("old" + std::to_string(i))) == Status::ok);
      }
      {
        StoreFixture during(values);
        Settings ignored;
        REQUIRE(during.settings.load(ignored, during.scratch) == Status::ok);
        values.writesLeft = writes;
        during.settings.saveKept(sample("new"));
        values.writesLeft = -1;
      }
      StoreFixture after(values);
      Settings found;
      REQUIRE(after.settings.load(found, after.scratch) == Status::ok);
      const std::string ssid = found.wifiSsid;
      CHECK((ssid == "new" || ssid == "old" + std::to_string(earlier)));
      if (writes > 0) CHECK(ssid == "new");
    }
  }
}

TEST_CASE("a torn or foreign slot is passed over for the other") {
  fakes::FakeStore values;
  StoreFixture fixture(values);
  REQUIRE(fixture.settings.saveKept(sample("one")) == Status::ok);
  REQUIRE(fixture.settings.saveKept(sample("two")) == Status::ok);
  values.values["set.b"].resize(40);
  StoreFixture again(values);
  Settings found;
  REQUIRE(again.settings.load(found, again.scratch) == Status::ok);
  CHECK(std::string(found.wifiSsid) == "one");
  values.values["set.a"] = values.values["set.b"];
  StoreFixture third(values);
  CHECK(third.settings.load(found, third.scratch) == Status::corrupt);
}

TEST_CASE("a probation is taken back by itself, and remembered until it was told") {
  fakes::FakeStore values;
  {
    StoreFixture fixture(values);
    REQUIRE(fixture.settings.saveKept(sample("old")) == Status::ok);
    REQUIRE(fixture.settings.saveOnProbation(sample("new")) == Status::ok);
  }
  StoreFixture boot(values);
  Settings found;
  REQUIRE(boot.settings.load(found, boot.scratch) == Status::ok);
  CHECK(std::string(found.wifiSsid) == "new");
  CHECK(boot.settings.onProbation());
  REQUIRE(boot.settings.revert(found, boot.scratch) == Status::ok);
  CHECK(std::string(found.wifiSsid) == "old");
  CHECK_FALSE(boot.settings.onProbation());
  StoreFixture later(values);
  REQUIRE(later.settings.load(found, later.scratch) == Status::ok);
  CHECK(std::string(found.wifiSsid) == "old");
  CHECK(later.settings.revertedUntold());
  CHECK(later.settings.forgetReverted() == Status::ok);
  CHECK_FALSE(later.settings.revertedUntold());
}

TEST_CASE("no setting's plain text lies in the store") {
  fakes::FakeStore values;
  StoreFixture fixture(values);
  REQUIRE(fixture.settings.saveKept(sample("home-network")) == Status::ok);
  for (const auto& [name, value] : values.values) {
    const std::string text(value.begin(), value.end());
    for (const char* secret : {"correct horse", "home-network", "front-door", "relay.example", "BEGIN"}) {
      CHECK(text.find(secret) == std::string::npos);
    }
  }
}

// What the core does to be small: sealing and opening where things lie, and entries that keep no more than they must.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "channels/outbox.h"
#include "config/settings_store.h"
#include "crypto/sealer.h"
#include "log/log_ring.h"
#include "support/door_fixture.h"

using namespace esplock;

TEST_CASE("what is sealed where it lies opens where it lies, and damaged it leaves nothing") {
  crypto::start();
  fakes::FakeSystem system;
  fakes::FakeRandom random;
  crypto::Sealer sealer(system, random);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{17}, std::size_t{6'600}}) {
    CAPTURE(size);
    std::vector<std::uint8_t> plain(size);
    for (std::size_t i = 0; i < size; ++i) plain[i] = static_cast<std::uint8_t>(i * 7);
    std::vector<std::uint8_t> blob(size + crypto::Sealer::overheadBytes);
    std::uint8_t* const inside = blob.data() + crypto::Sealer::headBytes;
    if (size > 0) std::memcpy(inside, plain.data(), size);
    std::size_t sealed = 0;
    REQUIRE(sealer.seal("name", {inside, size}, blob.data(), blob.size(), sealed) == Status::ok);
    CHECK(sealed == blob.size());
    const std::vector<std::uint8_t> kept = blob;
    std::vector<std::uint8_t> apart(size + crypto::tagBytes);
    std::size_t length = 0;
    REQUIRE(sealer.open("name", {kept.data(), kept.size()}, apart.data(), apart.size(), length) == Status::ok);
    CHECK(std::vector<std::uint8_t>(apart.begin(), apart.begin() + static_cast<std::ptrdiff_t>(length)) == plain);
    REQUIRE(sealer.open("name", {blob.data(), blob.size()}, inside, size + crypto::tagBytes, length) == Status::ok);
    CHECK(length == size);
    CHECK(std::vector<std::uint8_t>(inside, inside + size) == plain);
    blob = kept;
    blob.back() ^= 1;
    CHECK(sealer.open("name", {blob.data(), blob.size()}, inside, size + crypto::tagBytes, length) == Status::corrupt);
    if (size > 4) CHECK(std::memcmp(inside, plain.data(), size) != 0);
  }
}

TEST_CASE("the log keeps times of years and the nearest of a number too big for it") {
  fakes::FakeClock clock;
  fakes::FakeLog sink;
  LogRing log(sink, clock);
  clock.nowMs = (std::uint64_t{3} << 32) + 5;
  log.write(LogLevel::warning, "far", std::int64_t{1} << 40);
  log.write(LogLevel::error, "low", -(std::int64_t{1} << 40));
  log.write(LogLevel::info, "plain", -12);
  CHECK(log.at(0).atMs == clock.nowMs);
  CHECK(log.at(0).detail == INT32_MAX);
  CHECK(log.at(0).level == LogLevel::warning);
  CHECK(log.at(1).detail == INT32_MIN);
  CHECK(log.at(2).detail == -12);
  CHECK(std::string(log.at(2).cause) == "plain");
  for (std::size_t i = 0; i < LogRing::capacity; ++i) log.write(LogLevel::debug, "more", static_cast<std::int64_t>(i));
  CHECK(log.count() == LogRing::capacity);
  CHECK(log.at(0).detail == 0);
  CHECK(log.at(LogRing::capacity - 1).detail == std::int64_t{LogRing::capacity} - 1);
}

TEST_CASE("events of four updates keep their versions; a fifth takes the place of the first, which then names none") {
  fakes::FakeClock clock;
  TimeKeeper time(clock);
  EventQueue events(time);
  for (const char* version : {"1.0.0", "1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0"}) {
    events.emitUpdate("downloading", version, "");
  }
  events.emitUpdate("verified", "5.0.0", "");
  std::vector<std::string> told;
  char frame[512];
  for (std::string_view text = events.front(clock.nowMs, frame, sizeof frame); !text.empty();
       text = events.front(clock.nowMs, frame, sizeof frame)) {
    told.push_back(nlohmann::json::parse(text)["data"].value("version", "none"));
    events.pop();
  }
  CHECK(told == std::vector<std::string>{"none", "none", "2.0.0", "3.0.0", "4.0.0", "5.0.0", "5.0.0"});
}

TEST_CASE("settings that come back from the store as others than were given to it count as not stored") {
  struct Forger final : KeyValueStore {
    fakes::FakeStore inner;
    std::vector<std::uint8_t> earlier;   ///< what is read instead of what was written
    StoreResult read(const char* key, std::uint8_t* out, std::size_t capacity, std::size_t& length) override {
      const StoreResult result = inner.read(key, out, capacity, length);
      if (result != StoreResult::ok || earlier.empty()) return result;
      length = earlier.size();
      std::memcpy(out, earlier.data(), length);
      return result;
    }
    bool write(const char* key, const std::uint8_t* value, std::size_t length) override {
      return inner.write(key, value, length);
    }
    bool erase(const char* key) override { return inner.erase(key); }
  };
  crypto::start();
  fakes::FakeSystem system;
  fakes::FakeRandom random;
  crypto::Sealer sealer(system, random);
  Workspace workspace;
  Settings values;
  setText(values, SettingId::wifiSsid, "first");
  Forger other;
  REQUIRE(SettingsStore(other, sealer, workspace).saveKept(values) == Status::ok);
  Forger store;
  store.earlier = other.inner.values["set.a"];   // opens, has the right generation, and is not what is written now
  setText(values, SettingId::wifiSsid, "second");
  CHECK(SettingsStore(store, sealer, workspace).saveKept(values) == Status::store_failed);
  store.earlier.clear();
  CHECK(SettingsStore(store, sealer, workspace).saveKept(values) == Status::ok);
}

// What spans boots: the relay pin, probation, unsent results, damage.
#include <doctest/doctest.h>

#include "console/console.h"
#include "support/door_fixture.h"

using namespace esplock;
using fixture::DoorFixture;
using nlohmann::json;

namespace {

void powerCycle(DoorFixture& f) {
  f.transport.events.clear();
  f.transport.answers.clear();
  f.transport.isOpen = false;
  f.transport.postRunning = false;
  f.relay.trace.clear();
}

}  // namespace

TEST_CASE("pin trace: no boot pulses the relay, whatever the store holds") {
  const auto bootsQuietly = [](DoorFixture& f) {
    f.relay.trace.clear();
    f.boot();
    REQUIRE_FALSE(f.relay.trace.empty());
    CHECK_FALSE(f.relay.trace.front());   // the very first level is the locked one
    f.answerPosts();
    f.run(2'000);
    CHECK_FALSE(f.relay.everActive());
    CHECK(f.relay.trace.size() == 1);
  };
  SUBCASE("new device") {
    DoorFixture f;
    bootsQuietly(f);
  }
  SUBCASE("configured") {
    DoorFixture f;
    f.seedKeys();
    f.seedSettings();
    bootsQuietly(f);
  }
  SUBCASE("after a crash while unlocked for good") {
    DoorFixture f;
    REQUIRE(f.startLive());
    REQUIRE(f.code(f.spec("unlock", R"({"holdMs":0})")) == "ok");
    REQUIRE(f.relay.active());
    powerCycle(f);
    bootsQuietly(f);
  }
  SUBCASE("damaged store, key and random source") {
    for (const char* name : {"set.a", "set.b", "key.cur", "key.next", "mark", "mark.ids", "mark.kept", "epoch", "key.rot"}) {
      CAPTURE(name);
      DoorFixture f;
      REQUIRE(f.startLive());
      f.store.values[name] = {1, 2, 3};
      powerCycle(f);
      bootsQuietly(f);
    }
    DoorFixture unreadable;
    REQUIRE(unreadable.startLive());
    unreadable.store.readsFail = true;
    powerCycle(unreadable);
    bootsQuietly(unreadable);
    DoorFixture noRandom;
    noRandom.random.works = false;
    bootsQuietly(noRandom);
  }
  SUBCASE("fail-safe unlock chosen: a boot alone does not open") {
    DoorFixture f;
    f.seedKeys();
    f.seedSettings([](Settings& s) { setText(s, SettingId::failSafe, "unlock"); });
    bootsQuietly(f);
  }
}

TEST_CASE("pin trace: no reconnect pulses the relay") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.relay.trace.clear();
  for (const int close : {1006, 1001, 4001, 4002, 4004, 4005, 4006, 1011}) {
    const auto code = static_cast<std::uint16_t>(close);
    CAPTURE(code);
    f.transport.push(ChannelEventKind::closed, {}, code);
    f.run(100);
    f.transport.answers.clear();
    REQUIRE(f.goLive());
  }
  f.transport.push(ChannelEventKind::text, R"({"t":"update","id":"u","phase":"offer","manifest":"x"})");
  f.transport.push(ChannelEventKind::binary, std::string(4096, 'x'));
  f.run(100);
  CHECK(f.relay.trace.empty());
}

TEST_CASE("pin trace: a reconnect does not lock an unlocked door either") {
  DoorFixture f;
  REQUIRE(f.startLive());
  REQUIRE(f.code(f.spec("unlock", R"({"holdMs":0})")) == "ok");
  f.relay.trace.clear();
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(2'000);
  REQUIRE(f.goLive());
  CHECK(f.relay.trace.empty());
}

TEST_CASE("a critical change is tried, and kept once a relay has welcomed the door on it") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("configure", R"({"serverAddress":"https://other.example"})")) == "ok");
  CHECK(f.door->sessionState() != SessionState::live);   // already on its way to restart
  f.run(100);
  CHECK(f.system.restarts == 1);
  powerCycle(f);
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  CHECK(f.transport.server == "https://other.example");
  f.run(100);
  CHECK(f.sawEvent("configured", R"({"outcome":"kept"})"));
  f.run(200'000, 500);
  powerCycle(f);
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  CHECK(f.transport.server == "https://other.example");
}

TEST_CASE("a critical change nobody accepts is taken back after three minutes, by itself, and told") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("configure", R"({"serverAddress":"https://dead.example","doorPassword":"battery staple"})")) == "ok");
  f.run(100);
  REQUIRE(f.system.restarts == 1);
  powerCycle(f);
  REQUIRE(f.boot() == Status::ok);
  for (int i = 0; i < 170; ++i) {
    f.transport.answers.emplace_back(0, "");
    f.run(1'000, 100);
  }
  CHECK(f.transport.server == "https://dead.example");
  CHECK(f.system.restarts == 1);
  f.run(15'000, 100);
  CHECK(f.system.restarts == 2);
  powerCycle(f);
  f.transport.sent.clear();
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  CHECK(f.transport.server == "https://relay.example:8443");
  f.run(100);
  CHECK(f.sawEvent("configured", R"({"outcome":"reverted"})"));
  CHECK(f.code(f.spec("status")) == "ok");   // the old password too: the change was one
  powerCycle(f);
  f.transport.sent.clear();
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  f.run(100);
  CHECK_FALSE(f.sawEvent("configured"));
}

TEST_CASE("power loss at any write of a critical change leaves a door that comes back") {
  for (int writes = 0; writes < 8; ++writes) {
    CAPTURE(writes);
    DoorFixture f;
    REQUIRE(f.startLive());
    f.store.writesLeft = writes;
    f.send(f.spec("configure", R"({"serverAddress":"https://other.example"})"));
    f.run(100);
    powerCycle(f);
    f.boot();
    f.goLive();
    f.run(100);
    f.store.writesLeft = -1;
    powerCycle(f);
    REQUIRE(f.boot() == Status::ok);
    REQUIRE(f.goLive());
    const std::string server = f.transport.server;
    CHECK((server == "https://other.example" || server == "https://relay.example:8443"));
  }
}

TEST_CASE("results that could not be sent wait for the next welcome, eight of them, ten minutes") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.transport.sendFails = true;
  for (int i = 0; i < 10; ++i) f.sendJwe(envelopes::make(f.spec("status")).jwe);
  f.transport.sendFails = false;
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(2'000);
  f.transport.sent.clear();
  REQUIRE(f.goLive());
  f.run(100);
  const auto results = f.frames("result");
  REQUIRE(results.size() == 8);
  CHECK(results[0]["id"] == "cmd-3");
  CHECK(results[7]["id"] == "cmd-10");
  CHECK(results[7]["status"] == 200);
  CHECK(results[7].contains("receipt"));
  f.transport.sendFails = true;
  f.sendJwe(envelopes::make(f.spec("status")).jwe);
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(601'000, 500);
  f.transport.sendFails = false;
  f.transport.sent.clear();
  f.transport.answers.clear();
  f.transport.postRunning = false;
  REQUIRE(f.goLive());
  f.run(100);
  CHECK(f.frames("result").empty());
}

TEST_CASE("events are numbered within the boot, ten a second, and gaps show") {
  DoorFixture f;
  f.options.contactDebounceMs = 0;
  REQUIRE(f.startLive());
  f.run(2'000);
  f.transport.sent.clear();
  for (int i = 0; i < 20; ++i) {
    f.tamper.on = true;
    f.run(1, 1);
    f.tamper.on = false;
    f.run(1, 1);
  }
  f.run(400);
  CHECK(f.frames("event").size() <= 15);
  f.run(3'000);
  const auto events = f.frames("event");
  CHECK(events.size() == 20);
  for (std::size_t i = 1; i < events.size(); ++i) {
    CHECK(events[i]["seq"].get<int>() == events[i - 1]["seq"].get<int>() + 1);
  }
  const int last = events.back()["seq"];
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(20);
  for (int i = 0; i < 40; ++i) {
    f.tamper.on = true;
    f.run(20);
    f.tamper.on = false;
    f.run(20);
  }
  f.transport.sent.clear();
  REQUIRE(f.goLive());
  f.run(5'000);
  REQUIRE_FALSE(f.frames("event").empty());
  CHECK(f.frames("event").front()["seq"].get<int>() > last + 1);
}

TEST_CASE("time in an event is when it happened, also for one before the first welcome") {
  DoorFixture f;
  f.seedKeys();
  f.seedSettings();
  REQUIRE(f.boot() == Status::ok);
  const std::int64_t bootAt = f.relayNow();
  f.run(30'000, 100);
  f.transport.answers.clear();
  f.transport.postRunning = false;
  REQUIRE(f.goLive());
  f.run(100);
  const auto events = f.frames("event");
  REQUIRE_FALSE(events.empty());
  CHECK(events[0]["kind"] == "boot");
  CHECK(events[0]["at"].get<std::int64_t>() <= bootAt);
  CHECK(events[0]["at"].get<std::int64_t>() >= bootAt - 40);   // the welcome took that long
}

TEST_CASE("fail-safe is entered offline, told on return, and never opens unless chosen") {
  DoorFixture f;
  f.seedKeys();
  f.seedSettings([](Settings& s) { setNumber(s, SettingId::failSafeAfterMs, 5'000); });
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  f.relay.trace.clear();
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.transport.network = NetworkState::down;
  f.run(60'000);
  f.transport.network = NetworkState::up;
  f.transport.sent.clear();
  REQUIRE(f.goLive());
  f.run(500);
  CHECK(f.sawEvent("fail_safe_entered", R"({"mode":"keep"})"));
  CHECK(f.sawEvent("fail_safe_left"));
  CHECK(f.relay.trace.empty());
}

TEST_CASE("damage is shown in lasting red and keeps the door shut, but its owner can mend it") {
  DoorFixture f;
  REQUIRE(f.startLive());
  for (const char* slot : {"set.a", "set.b"}) {
    if (f.store.values.count(slot) != 0) f.store.values[slot] = {9};
  }
  powerCycle(f);
  CHECK(f.boot() == Status::corrupt);
  f.light.trace.clear();
  f.run(10'000);
  int red = 0;
  for (const Colour colour : f.light.trace) red += colour == rowOf(LightPattern::error).rgb ? 1 : 0;
  CHECK(red > 30);
  CHECK(f.door->sessionState() == SessionState::unconfigured);
  for (const auto& [name, value] : {std::pair{"serverAddress", "https://relay.example"},
                                    std::pair{"doorId", "front-door"}, std::pair{"caCertificate", fixture::caPem}, std::pair{"doorPassword", "correct horse"}}) {
    CHECK(f.door->stageSetting(name, value) == Status::ok);
  }
  CHECK(f.door->commitSettings() == Status::ok);
  REQUIRE(f.goLive());
}

TEST_CASE("a new device says it is not configured and makes its keys off the main task") {
  DoorFixture f;
  f.system.runNow = false;
  CHECK(f.boot() == Status::not_configured);
  f.run(500);
  CHECK(f.door->sessionState() == SessionState::unconfigured);
  f.door->stageSetting("serverAddress", "https://relay.example");
  f.door->stageSetting("doorId", "front-door");
  f.door->stageSetting("caCertificate", fixture::caPem);
  f.door->stageSetting("doorPassword", "correct horse");
  CHECK(f.door->commitSettings() == Status::ok);
  f.run(100);
  CHECK(f.door->sessionState() == SessionState::making_key);
  CHECK(f.door->commitSettings() == Status::busy);   // PSA belongs to the key task now
  CHECK(f.door->kid().empty());
  f.system.runPending();
  f.run(40);
  CHECK(f.door->kid().size() == 43);
  f.system.runPending();
  f.run(100);
  CHECK(f.door->sessionState() == SessionState::challenging);
}

TEST_CASE("low memory is reported, once an hour") {
  DoorFixture f;
  f.system.heap = 10'000;
  REQUIRE(f.startLive());
  f.run(30'000, 100);
  int count = 0;
  for (const auto& event : f.frames("event")) count += event["kind"] == "low_heap" ? 1 : 0;
  CHECK(count == 1);
}

TEST_CASE("LED and session: the way to the relay and back is shown") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.run(3'000);
  const auto saw = [&f](LightPattern pattern) {
    for (const LightPattern shown : f.watcher.lights) {
      if (shown == pattern) return true;
    }
    return false;
  };
  CHECK(saw(LightPattern::wifi_joined));
  CHECK(saw(LightPattern::connecting_socket));
  CHECK(saw(LightPattern::socket_up));
  f.watcher.lights.clear();
  f.code(f.spec("unlock", R"({"holdMs":0})"));
  f.run(3'000);
  CHECK(f.watcher.lights == std::vector<LightPattern>{LightPattern::command_received, LightPattern::unlocked});
  f.watcher.lights.clear();
  f.transport.network = NetworkState::down;
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(4'000);
  CHECK(saw(LightPattern::error));
  CHECK(saw(LightPattern::joining_wifi));
}

TEST_CASE("the log keeps the last 200 entries and no secret") {
  DoorFixture f;
  REQUIRE(f.startLive());
  for (int i = 0; i < 250; ++i) f.sendJwe("x");
  CHECK(f.door->logCount() == 200);
  std::uint64_t at = 0;
  LogLevel level = LogLevel::info;
  const char* cause = nullptr;
  std::int64_t detail = 0;
  CHECK(f.door->logEntry(199, at, level, cause, detail));
  CHECK_FALSE(f.door->logEntry(200, at, level, cause, detail));
  for (const auto& line : f.log.lines) CHECK(line.find("correct horse") == std::string::npos);
}

namespace {

struct Lines final : ConsoleOutput {
  std::vector<std::string> lines;
  void print(std::string_view text) override { lines.emplace_back(text); }
};

}  // namespace

TEST_CASE("the console sets up a new device and never shows a secret") {
  DoorFixture f;
  f.seedKeys();
  CHECK(f.boot() == Status::not_configured);
  Lines out;
  Console console(*f.door, out);
  for (const char* line : {"set serverAddress https://relay.example", "set doorId front-door",
                           "set doorPassword correct horse",
                           "set wifiSsid My Network", "set wifiPassword hunter2hunter2", "set enrolmentToken TOKEN",
                           "set caCertificate", "-----BEGIN CERTIFICATE-----", "MIIB", "-----END CERTIFICATE-----", ".",
                           "commit"}) {
    CHECK(console.line(line));
  }
  CHECK(out.lines.back() == "ok");
  REQUIRE(f.goLive());
  out.lines.clear();
  CHECK(console.line("show"));
  CHECK(console.line("log"));
  CHECK(console.line("kid"));
  CHECK(out.lines.back() == std::string(f.door->kid()));
  std::string all;
  for (const auto& text : out.lines) all += text + "\n";
  CHECK(all.find("wifiSsid = My Network") != std::string::npos);
  CHECK(all.find("doorPassword = (set)") != std::string::npos);
  for (const char* secret : {"correct horse", "hunter2", "TOKEN"}) CHECK(all.find(secret) == std::string::npos);
  CHECK(f.code(f.spec("status")) == "ok");
  CHECK_FALSE(console.line("contact open"));
  out.lines.clear();
  CHECK(console.line("set nonsense 1"));
  CHECK(console.line("set doorPassword short"));
  CHECK(console.line("set autoRelockMs 12x"));
  CHECK(out.lines == std::vector<std::string>{"not found", "value not allowed", "value not allowed"});
}

TEST_CASE("clear-mark lets a door with a clock gone wrong be reached again") {
  DoorFixture f;
  REQUIRE(f.startLive());
  auto ahead = f.spec("status");
  ahead.iatMs += 59'000;
  ahead.jti = envelopes::Bytes(16, 0x21);
  CHECK(f.code(ahead) == "ok");
  powerCycle(f);
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  CHECK(f.code(f.spec("status")) == "stale");
  Lines out;
  Console console(*f.door, out);
  CHECK(console.line("clear-mark"));
  CHECK(out.lines.back() == "ok");
  CHECK(f.code(f.spec("status")) == "ok");
  CHECK(f.code(ahead) == "replayed");   // the ring is kept, also over the boot that follows
  powerCycle(f);
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  CHECK(f.code(ahead) == "replayed");
}

TEST_CASE("factory reset leaves nothing and restarts") {
  DoorFixture f;
  REQUIRE(f.startLive());
  Lines out;
  Console console(*f.door, out);
  CHECK(console.line("factory-reset"));
  CHECK(f.store.values.count("key.cur") == 1);
  CHECK(console.line("factory-reset yes"));
  CHECK(f.store.values.empty());
  f.run(100);
  CHECK(f.system.restarts == 1);
  powerCycle(f);
  CHECK(f.boot() == Status::not_configured);
}

// Updates through a whole door (protocol 12.4 to 12.7): the way of a good one, and what stops the others.
#include <doctest/doctest.h>

#include "console/console.h"
#include "support/update_fixture.h"

using namespace esplock;
using fixture::UpdateFixture;

TEST_CASE("an update: offer, download, verify, switch, restart, welcome, confirmed") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto image = releases::image(3 * 4096 + 100);
  f.offer("u1", f.release(image, "1.3.0", 5));
  REQUIRE(f.updateToRestart());
  f.serve();
  CHECK(f.acceptedOffset == 0);
  CHECK(f.bytesSent == image.size());
  CHECK(f.count("get") == 4);
  CHECK(f.count("verified") == 1);
  CHECK(f.lastPhase() == "rebooting");
  CHECK(f.slots.flash[1] == image);

  REQUIRE(f.powerOn() == Status::ok);
  CHECK(f.runsNew());
  CHECK(f.slots.onTrial());
  REQUIRE(f.goLive());
  f.turns(3);
  CHECK_FALSE(f.slots.onTrial());
  CHECK(f.told.back().dump() == R"({"id":"u1","phase":"confirmed","t":"update"})");
  CHECK(f.sawEvent("update", R"({"phase":"confirmed","version":"1.3.0"})"));
  CHECK(f.store.values.count("upd") == 1);   // the relay may not have it yet
  f.answerKeepAlive();
  CHECK(f.store.values.count("upd") == 0);
  CHECK(f.door->update().securityFloor == 5);
  CHECK(f.violation.empty());

  // Told once, and the trial is over for good.
  f.run(400'000, 1'000);
  f.told.clear();
  REQUIRE(f.powerOn() == Status::ok);
  REQUIRE(f.goLive());
  f.turns(3);
  CHECK(f.told.empty());
  CHECK(f.runsNew());
}

TEST_CASE("the transition table, edge by edge, and nothing else moves") {
  using S = UpdateState;
  using I = UpdateInput;
  const std::map<std::pair<S, I>, S> table = {
      {{S::idle, I::accepted}, S::downloading},       {{S::idle, I::resumed}, S::rebuilding},
      {{S::rebuilding, I::rebuilt}, S::downloading},  {{S::rebuilding, I::suspended}, S::idle},
      {{S::rebuilding, I::failed}, S::idle},          {{S::downloading, I::complete}, S::checking},
      {{S::downloading, I::suspended}, S::idle},      {{S::downloading, I::failed}, S::idle},
      {{S::checking, I::verified}, S::ready},         {{S::checking, I::suspended}, S::idle},
      {{S::checking, I::failed}, S::idle},            {{S::ready, I::switched}, S::restarting},
      {{S::ready, I::suspended}, S::idle},            {{S::ready, I::failed}, S::idle},
  };
  for (unsigned s = 0; s < updateStateCount; ++s) {
    for (unsigned i = 0; i < updateInputCount; ++i) {
      const auto state = static_cast<S>(s);
      const auto input = static_cast<I>(i);
      CAPTURE(textOf(state));
      CAPTURE(i);
      const auto edge = table.find({state, input});
      CHECK(transition(state, input) == (edge == table.end() ? state : edge->second));
    }
  }
}

TEST_CASE("commands are carried out during a download, and purple tells of it") {
  UpdateFixture f;
  REQUIRE(f.up());
  f.offer("u1", f.release(releases::image(300 * 4096)));
  f.turns(10);
  for (int i = 0; i < 10; ++i) {
    CHECK(f.code(f.spec("unlock", R"({"holdMs":100})")) == "ok");
    CHECK(f.relay.active());
    f.turns(8);
    CHECK_FALSE(f.relay.active());
    CHECK(f.code(f.spec("status")) == "ok");
    f.turns(2);
  }
  CHECK(f.door->update().state == UpdateState::downloading);
  CHECK(f.updateToRestart());
  CHECK(f.slots.flash[1] == f.served);
  const auto& lights = f.watcher.lights;
  CHECK(std::count(lights.begin(), lights.end(), LightPattern::update_running) >= 2);
  CHECK(f.watcher.updates.front() == "downloading 1.3.0");
  CHECK(f.watcher.updates.back() == "rebooting 1.3.0");
}

TEST_CASE("an open door is not restarted before it has locked, but is after ten minutes") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto spec = f.release(releases::image(3 * 4096));
  SUBCASE("a hold time") {
    REQUIRE(f.code(f.spec("unlock", R"({"holdMs":30000})")) == "ok");
    f.offer("u1", spec);
    REQUIRE(f.turns(1'000));   // 20 s
    CHECK(f.lastPhase() == "verified");
    CHECK(f.slots.active == 0);
    CHECK(f.relay.active());
    CHECK(f.updateToRestart(1'000));
    CHECK_FALSE(f.relay.active());
  }
  SUBCASE("unlocked for good") {
    REQUIRE(f.code(f.spec("unlock", R"({"holdMs":0})")) == "ok");
    f.offer("u1", spec);
    const auto keepAlive = [&](int seconds) {
      for (int i = 0; i < seconds; ++i) {
        f.transport.push(ChannelEventKind::text, R"({"t":"keepalive","time":1})");
        if (!f.turns(1, 1'000)) return false;
      }
      return true;
    };
    REQUIRE(keepAlive(590));
    CHECK(f.slots.active == 0);
    CHECK(f.relay.active());
    CHECK_FALSE(keepAlive(30));
    CHECK(f.system.restarts == 1);
    CHECK(f.slots.active == 1);
  }
  SUBCASE("a connection lost meanwhile puts it off until the relay offers it again") {
    REQUIRE(f.code(f.spec("unlock", R"({"holdMs":5000})")) == "ok");
    f.offer("u1", spec);
    REQUIRE(f.turns(100));
    CHECK(f.lastPhase() == "verified");
    const std::size_t sent = f.bytesSent;
    f.transport.push(ChannelEventKind::closed, {}, 1006);
    f.run(10'000);
    CHECK(f.slots.active == 0);
    REQUIRE(f.goLive());
    f.offer("u1", spec);
    CHECK(f.updateToRestart());
    CHECK(f.acceptedOffset == 3 * 4096);
    CHECK(f.bytesSent == sent);
  }
}

TEST_CASE("the console shows where an update stands") {
  struct Lines final : ConsoleOutput {
    std::vector<std::string> lines;
    void print(std::string_view text) override { lines.emplace_back(text); }
  };
  UpdateFixture f;
  REQUIRE(f.up());
  Lines lines;
  Console console(*f.door, lines);
  REQUIRE(console.line("update"));
  CHECK(lines.lines.front() == "update: idle");
  CHECK(lines.lines.back() == "security version: at least 4");
  f.offer("u1", f.release(releases::image(40 * 4096)));
  f.turns(10);
  lines.lines.clear();
  console.line("update");
  CHECK(lines.lines.front().find("update: downloading, version 1.3.0, ") == 0);
}

TEST_CASE("a factory reset forgets the download, not the security version nor the failed images") {
  UpdateFixture f;
  REQUIRE(f.up());
  f.store.values["upd.floor"] = {9, 0, 0, 0};
  f.store.values["upd.failed"] = releases::Bytes(32, 1);
  f.offer("u1", f.release(releases::image(40 * 4096)));
  f.turns(10);
  REQUIRE(f.store.values.count("upd") == 1);
  CHECK(f.door->factoryReset() == Status::ok);
  CHECK(f.store.values.count("upd") == 0);
  CHECK(f.store.values.count("upd.floor") == 1);
  CHECK(f.store.values.count("upd.failed") == 1);
}

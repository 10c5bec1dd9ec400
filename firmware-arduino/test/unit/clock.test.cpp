// The door's own clock (protocol 6.6): SNTP, the relay's word, and doubt between the two.
#include <doctest/doctest.h>

#include <initializer_list>

#include "time/time_keeper.h"
#include "support/door_fixture.h"

using namespace esplock;
using fixture::DoorFixture;
using nlohmann::json;

namespace {

constexpr std::int64_t t0 = 1'800'000'000'000;
constexpr std::int64_t minuteMs = 60'000;

struct Keeper {
  fakes::FakeClock clock;
  TimeKeeper time{clock};
  /// `sntpMs`: what SNTP says now.
  explicit Keeper(std::int64_t sntpMs) { clock.wallAheadMs = sntpMs - static_cast<std::int64_t>(clock.nowMs); }
  Keeper() { clock.sntp = false; }
};

}  // namespace

TEST_CASE("without SNTP the first relay sets the clock, and it is unsure") {
  Keeper k;
  CHECK_FALSE(k.time.known());
  CHECK_FALSE(k.time.sure());
  k.time.onRelayTime(t0);
  CHECK(k.time.known());
  CHECK_FALSE(k.time.sure());
  CHECK(k.time.nowMs() == t0);
  k.clock.advance(500);
  CHECK(k.time.nowMs() == t0 + 500);
  k.time.onRelayTime(t0 + 10'000'000);
  CHECK(k.time.nowMs() == t0 + 500 + 60'000);
  k.time.onRelayTime(t0 - 10'000'000);
  CHECK(k.time.nowMs() == t0 + 500 - 2'000);
  for (int i = 0; i < 100; ++i) k.time.onRelayTime(t0 + 1'000'000'000);   // steps do not add up
  CHECK(k.time.nowMs() == t0 + 500 + 60'000);
  CHECK_FALSE(k.time.sure());
}

TEST_CASE("relay time moves the clock forward by a minute and back by two seconds; further away it is unsure") {
  Keeper k(t0);
  k.time.onRelayTime(t0 + minuteMs);
  CHECK(k.time.sure());
  CHECK(k.time.nowMs() == t0 + minuteMs);
  k.time.onRelayTime(t0 + minuteMs + 1);
  CHECK_FALSE(k.time.sure());
  CHECK(k.time.nowMs() == t0 + minuteMs);
  k.time.onRelayTime(t0 - minuteMs);
  CHECK(k.time.sure());
  CHECK(k.time.nowMs() == t0 - 2'000);
  k.time.onRelayTime(t0 - minuteMs - 1);
  CHECK_FALSE(k.time.sure());
  CHECK(k.time.nowMs() == t0 - 2'000);
}

TEST_CASE("a wrong SNTP answer leaves the clock unsure until a right one has come, asked for every minute") {
  Keeper k(t0 + 3'600'000);
  k.time.onRelayTime(t0);
  CHECK_FALSE(k.time.sure());
  k.time.poll();
  CHECK(k.clock.asks == 0);   // it has just answered
  k.clock.advance(minuteMs - 1);
  k.time.poll();
  CHECK(k.clock.asks == 0);
  k.clock.advance(1);
  k.time.poll();
  CHECK(k.clock.asks == 1);
  k.time.poll();
  CHECK_FALSE(k.time.sure());   // wrong again
  k.clock.wallAheadMs -= 3'600'000;
  k.clock.advance(minuteMs);
  k.time.poll();
  CHECK(k.clock.asks == 2);
  k.time.poll();
  CHECK(k.time.sure());
  CHECK(k.time.nowMs() == t0 + 2 * minuteMs);
  k.clock.advance(10 * minuteMs);
  k.time.poll();
  CHECK(k.clock.asks == 2);     // sure: nothing to ask
}

TEST_CASE("SNTP that comes after the welcome makes the clock sure, and sets it") {
  Keeper k;
  k.time.onRelayTime(t0);
  for (int i = 0; i < 3; ++i) {
    k.time.poll();
    CHECK(k.clock.asks == i);
    k.time.poll();
    k.clock.advance(minuteMs);
  }
  k.clock.sntp = true;
  k.clock.wallAheadMs = t0 + 5'000 - 1'000;
  k.time.poll();
  CHECK(k.time.sure());
  CHECK(k.time.nowMs() == t0 + 3 * minuteMs + 3'000);   // five ahead of the relay, which may take back two
}

TEST_CASE("a crystal that runs fast is set right by SNTP, not by the relay") {
  Keeper k(t0);
  k.time.onRelayTime(t0);
  k.clock.nowMs += 3'599'999;            // the crystal says so; by true time it was 10 s less
  k.clock.wallAheadMs -= 10'000;
  k.time.onRelayTime(t0 + 3'589'999);
  CHECK(k.time.sure());
  CHECK(k.time.nowMs() == t0 + 3'597'999);
  CHECK(k.clock.asks == 0);
  k.clock.advance(1);
  k.time.poll();
  CHECK(k.clock.asks == 1);
  k.time.poll();
  CHECK(k.time.nowMs() == t0 + 3'590'000);
}

TEST_CASE("the mark is a floor of the clock, not of the relay's own deadlines") {
  Keeper k(t0 - 5'000);
  k.time.setFloor(t0);
  CHECK(k.time.nowMs() == t0);
  CHECK_FALSE(k.time.pastRelayTime(0));
  k.time.onRelayTime(t0 - 5'000);
  CHECK(k.time.nowMs() == t0);
  CHECK_FALSE(k.time.pastRelayTime(t0 - 5'000));
  CHECK(k.time.pastRelayTime(t0 - 5'001));
  k.clock.advance(6'000);
  CHECK(k.time.nowMs() == t0 + 1'000);
}

TEST_CASE("deadlines are in the relay's time, however far that is from the door's") {
  Keeper k(t0);
  k.time.onRelayTime(t0 - 50'000);
  CHECK(k.time.nowMs() == t0 - 2'000);
  CHECK_FALSE(k.time.pastRelayTime(t0 - 45'000));
  k.clock.advance(5'001);
  CHECK(k.time.pastRelayTime(t0 - 45'000));
}

TEST_CASE("nonsense is no time") {
  Keeper k;
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'000}, INT64_MAX, INT64_MIN}) {
    k.time.onRelayTime(bad);
    CHECK_FALSE(k.time.known());
  }
  Keeper wrong(1'000);
  wrong.time.poll();
  CHECK_FALSE(wrong.time.known());
}

TEST_CASE("state and one event tell that the clock is unsure, and state that it is sure again") {
  DoorFixture f;
  f.clock.sntp = false;
  REQUIRE(f.startLive());
  CHECK(f.frames("status").front()["state"]["clock"] == "unsure");
  f.run(100);
  CHECK(f.sawEvent("clock_unsure"));
  const std::size_t told = f.frames("status").size();
  f.clock.sntp = true;
  f.run(40);
  REQUIRE(f.frames("status").size() == told + 1);
  CHECK(f.frames("status").back()["state"]["clock"] == "sure");
  f.transport.push(ChannelEventKind::text, json({{"t", "keepalive"}, {"time", f.relayNow() + 61'000}}).dump());
  f.run(200);
  CHECK(f.frames("status").back()["state"]["clock"] == "unsure");
  int events = 0;
  for (const json& event : f.frames("event")) events += event["kind"] == "clock_unsure" ? 1 : 0;
  CHECK(events == 2);   // once each time it becomes so
}

TEST_CASE("a command held for 119 s is stale, whatever the relay says of the time") {
  DoorFixture f;
  REQUIRE(f.startLive());
  auto held = f.spec("unlock");
  const auto made = envelopes::make(held);
  for (int second = 0; second < 119; ++second) {
    f.run(1'000, 100);
    f.transport.push(ChannelEventKind::text, json({{"t", "keepalive"}, {"time", f.relayNow() - 59'900}}).dump());
  }
  REQUIRE(f.door->sessionState() == SessionState::live);
  const json result = f.sendJwe(made.jwe);
  REQUIRE(result.contains("receipt"));
  CHECK(json::parse(envelopes::openReceipt(result["receipt"], made.replyKey))["code"] == "stale");
  CHECK_FALSE(f.relay.everActive());
}

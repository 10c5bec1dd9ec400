// What a door has to bear and come through: tokens that ran out unseen, slow cryptography, lost answers, want of memory,
// switches that bounce, power cut while it is made new.
#include <doctest/doctest.h>

#include "channels/outbox.h"
#include "console/console.h"
#include "crypto/psa_status.h"
#include "support/door_fixture.h"

using namespace esplock;
using fixture::DoorFixture;
using S = SessionState;

namespace {

/// Every upgrade is refused without a status, as by an adapter that cannot tell; registering works.
void refuseUpgrades(DoorFixture& f, int times, TransportError error = TransportError::unreachable) {
  for (int i = 0; i < times; ++i) {
    f.transport.answers.clear();
    f.answerPosts();
    for (int turn = 0; turn < 10'000 && f.door->sessionState() != S::connecting; ++turn) f.run(20);
    REQUIRE(f.door->sessionState() == S::connecting);
    f.transport.push(ChannelEventKind::refused);
    f.transport.events.back().first.error = error;
    f.run(20);
  }
}

/// Opening an envelope takes its time, on the door's own clock, as RSA does on a board. For each the core asks for the 32
/// bytes of a stand-in key first.
struct SlowCrypto final : Random {
  fakes::FakeRandom inner;
  fakes::FakeClock& clock;
  std::uint64_t costMs;
  int opened = 0;
  SlowCrypto(fakes::FakeClock& doorClock, std::uint64_t cost) : clock(doorClock), costMs(cost) {}
  bool fill(std::uint8_t* out, std::size_t length) override {
    if (length == crypto::aesKeyBytes) {
      clock.advance(costMs);
      ++opened;
    }
    return inner.fill(out, length);
  }
};

struct ResetWatcher final : DoorObserver {
  std::vector<Status> outcomes;
  void onFactoryReset(Status status) override { outcomes.push_back(status); }
};

void bootWith(DoorFixture& f, DoorObserver* observer, Random& random) {
  f.door = std::make_unique<Door>(DoorPorts{f.clock, random, f.store, f.transport, f.transport, f.transport, f.relay,
                                            f.light, f.log, f.system, &f.contact, &f.tamper, nullptr, observer},
                                  f.firmware, f.options);
}

void answerKeepAlive(DoorFixture& f) {
  f.transport.push(ChannelEventKind::text, R"({"t":"keepalive","time":)" + std::to_string(f.relayNow()) + "}");
  f.run(20);
}

}  // namespace

TEST_CASE("a token is doubted after three upgrades refused without a status, and the door registers anew") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const std::size_t posts = f.transport.posts.size();
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(20);
  refuseUpgrades(f, 3);
  CHECK(f.transport.posts.size() == posts);
  REQUIRE(f.goLive());
  CHECK(f.transport.posts.size() == posts + 2);
}

TEST_CASE("300 silent refusals are some hundred registrations, not none; a relay that is away altogether costs no token") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const std::size_t posts = f.transport.posts.size();
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(20);
  refuseUpgrades(f, 12);
  CHECK(f.transport.posts.size() > posts + 4);
  DoorFixture away;
  REQUIRE(away.startLive());
  away.transport.push(ChannelEventKind::closed, {}, 1006);
  away.run(20);
  refuseUpgrades(away, 3);
  away.transport.answers.clear();
  away.transport.answers.emplace_back(0, "");   // the challenge does not get through either
  const std::size_t before = away.transport.posts.size();
  away.run(20'000);
  CHECK(away.transport.posts.size() == before + 1);
  CHECK(away.door->sessionState() == S::connecting);   // with the token it has
}

TEST_CASE("a wait before the next attempt is never under half a second") {
  DoorFixture f;
  REQUIRE(f.startLive());
  for (int i = 0; i < 30; ++i) {
    f.transport.push(ChannelEventKind::closed, {}, 1006);
    f.run(20);
    REQUIRE(f.door->sessionState() == S::waiting);
    f.run(480);
    CHECK(f.door->sessionState() == S::waiting);
    REQUIRE(f.goLive());
    f.run(11'000);   // long enough to begin anew
  }
}

TEST_CASE("a door relocks on time, by one decryption, under any load of slow ones, and polls once for each") {
  DoorFixture f;
  f.seedKeys();
  f.seedSettings();
  SlowCrypto slow(f.clock, 700);
  bootWith(f, nullptr, slow);
  REQUIRE(f.door->start() == Status::ok);
  REQUIRE(f.goLive());
  REQUIRE(f.code(f.spec("unlock", R"({"holdMs":1000})")) == "ok");
  REQUIRE(f.relay.active());
  const std::uint64_t openedAtMs = f.clock.nowMs;
  for (int i = 0; i < 40; ++i) {
    const std::string jwe = envelopes::make(f.spec("status")).jwe;
    f.transport.push(ChannelEventKind::text, nlohmann::json({{"t", "command"}, {"id", std::to_string(i)}, {"jwe", jwe},
                                                             {"deadline", f.relayNow() + 100'000}}).dump());
  }
  std::uint64_t relockedAtMs = 0;
  while (f.relay.active()) {
    const int before = slow.opened;
    relockedAtMs = f.clock.nowMs + 10;   // the lock comes first in the turn that follows
    f.run(10, 10);
    CHECK(slow.opened - before <= 1);   // the watchdog is fed in between
    REQUIRE(f.clock.nowMs - openedAtMs < 20'000);
  }
  CHECK(relockedAtMs - openedAtMs <= 1'000 + 700);
  CHECK(slow.opened >= 3);
}

TEST_CASE("the rate in front of decryption is a board's unless told otherwise") {
  DoorFixture f;
  f.options = DoorOptions{};
  REQUIRE(f.startLive());
  int answered = 0;
  for (int i = 0; i < 12; ++i) answered += f.send(f.spec("status")).is_null() ? 0 : 1;
  CHECK(answered == 5);
  f.run(1'000);
  CHECK(f.code(f.spec("status")) == "ok");
}

TEST_CASE("a result that went out on a link that was then lost is sent again, until a later keep-alive was answered") {
  DoorFixture f;
  REQUIRE(f.startLive());
  REQUIRE(f.code(f.spec("status")) == "ok");
  const auto again = [&] {
    f.transport.push(ChannelEventKind::closed, {}, 1006);
    f.run(20);
    f.transport.sent.clear();
    REQUIRE(f.goLive());
    f.run(100);
    return f.frames("result").size();
  };
  CHECK(again() == 1);
  CHECK(again() == 1);
  f.run(10'100);                 // a keep-alive goes out after it
  CHECK(again() == 1);           // and was not answered
  f.run(10'100);
  answerKeepAlive(f);
  CHECK(again() == 0);
}

TEST_CASE("the answer to an earlier keep-alive says nothing of a later result") {
  UnsentResults results;
  char frame[2048];
  const auto send = [&](const char* id) {
    results.keep(0, id, 200, false, {});
    REQUIRE_FALSE(results.front(0, frame, sizeof frame).empty());
    results.sent();
  };
  const auto kept = [&] {
    UnsentResults copy = results;
    copy.onChannelLost();
    std::size_t count = 0;
    for (; !copy.front(0, frame, sizeof frame).empty(); ++count) copy.sent();
    return count;
  };
  send("a");
  results.onKeepAliveSent();
  send("b");
  results.onKeepAliveSent();
  results.onKeepAliveAnswered();   // the first: a has arrived
  CHECK(kept() == 1);
  results.onKeepAliveSent();       // the second is still out
  results.onKeepAliveAnswered();
  CHECK(kept() == 1);
  results.onKeepAliveAnswered();
  results.onKeepAliveSent();
  results.onKeepAliveAnswered();
  CHECK(kept() == 0);
}

TEST_CASE("of too many results one that was sent gives way before one that was not") {
  UnsentResults results;
  char frame[2048];
  results.keep(0, "unsent", 200, false, {});
  results.keep(0, "sent", 200, false, {});
  results.sent();   // the oldest
  results.keep(0, "x", 200, false, {});
  results.onChannelLost();
  for (int i = 0; i < 3; ++i) {
    REQUIRE_FALSE(results.front(0, frame, sizeof frame).empty());
    if (i != 1) results.sent();
    else break;
  }
  // "unsent" is out, "sent" waits: the first goes when the ninth comes.
  for (int i = 0; i < 6; ++i) results.keep(0, std::to_string(i), 200, false, {});
  std::string waiting;
  for (std::string_view text = results.front(0, frame, sizeof frame); !text.empty();
       text = results.front(0, frame, sizeof frame)) {
    waiting += nlohmann::json::parse(text)["id"].get<std::string>() + " ";
    results.sent();
  }
  CHECK(waiting == "sent x 0 1 2 3 4 5 ");
}

TEST_CASE("want of memory is a trouble of its own; five in a row restart the door in order, one that passes does not") {
  CHECK(crypto::statusOf(PSA_ERROR_INSUFFICIENT_MEMORY) == Status::out_of_memory);
  CHECK(crypto::statusOf(PSA_ERROR_INVALID_PADDING) == Status::crypto_failed);
  DoorFixture f;
  REQUIRE(f.startLive());
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(20);
  refuseUpgrades(f, 4, TransportError::out_of_memory);
  REQUIRE(f.goLive());
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(20);
  refuseUpgrades(f, 4, TransportError::out_of_memory);
  f.run(3'000);
  CHECK(f.system.restarts == 0);
  refuseUpgrades(f, 1, TransportError::out_of_memory);
  f.run(3'000);
  CHECK(f.system.restarts == 1);
  CHECK(f.watcher.troubles.back().error == TransportError::out_of_memory);
}

TEST_CASE("a tamper switch that bounces is not tampering; one that opens is, once") {
  DoorFixture f;
  REQUIRE(f.startLive());
  for (int i = 0; i < 20; ++i) {
    f.tamper.on = !f.tamper.on;
    f.run(30, 10);
  }
  f.run(200);
  CHECK_FALSE(f.sawEvent("tamper"));
  f.tamper.on = true;
  f.run(300);
  CHECK(f.sawEvent("tamper"));
  f.transport.sent.clear();
  f.run(5'000);
  CHECK_FALSE(f.sawEvent("tamper"));
}

TEST_CASE("a factory reset tells how it went, waits for a key being made, and leaves the door alone where it cannot begin") {
  ResetWatcher watcher;
  DoorFixture f;
  f.system.runNow = false;
  f.seedSettings();
  bootWith(f, &watcher, f.random);
  f.door->start();
  f.run(100);
  CHECK(f.door->factoryReset() == Status::busy);
  f.run(1'000);
  CHECK(watcher.outcomes.empty());
  f.system.runPending();
  f.run(100);
  CHECK(watcher.outcomes == std::vector<Status>{Status::ok});
  CHECK(f.store.values.empty());
  f.run(3'000);
  CHECK(f.system.restarts == 1);

  DoorFixture worn;
  worn.seedKeys();
  worn.seedSettings();
  bootWith(worn, &watcher, worn.random);
  REQUIRE(worn.door->start() == Status::ok);
  worn.store.writesFail = true;
  CHECK(worn.door->factoryReset() == Status::store_failed);
  CHECK(watcher.outcomes.back() == Status::store_failed);
  worn.run(3'000);
  CHECK(worn.system.restarts == 0);
  CHECK(worn.door->doorId() == "front-door");
}

TEST_CASE("a factory reset cut short at any write is finished at the next start: old door or new door, never a half") {
  int asBefore = 0;
  int asNew = 0;
  for (int writes = 0;; ++writes) {
    CAPTURE(writes);
    DoorFixture f;
    REQUIRE(f.startLive());
    REQUIRE(f.code(f.spec("status")) == "ok");   // a mark, ids, an epoch, and both slots of settings
    f.store.writesLeft = writes;
    const Status status = f.door->factoryReset();
    f.store.writesLeft = -1;
    f.transport.events.clear();
    f.transport.isOpen = false;
    ResetWatcher watcher;
    bootWith(f, &watcher, f.random);
    const Status started = f.door->start();
    const bool isNew = f.door->doorId().empty();
    (isNew ? asNew : asBefore) += 1;
    if (isNew) {
      CHECK(started == Status::not_configured);
      CHECK(f.door->kid().empty());
      CHECK(f.store.values.empty());
      CHECK((status == Status::ok) == watcher.outcomes.empty());
    } else {
      CHECK(writes == 0);
      CHECK(started == Status::ok);
      CHECK_FALSE(f.door->kid().empty());
    }
    if (status == Status::ok) break;
    REQUIRE(writes < 30);
  }
  CHECK(asBefore == 1);
  CHECK(asNew > 5);
}

TEST_CASE("a reset that cannot be finished leaves nothing of the old door in force, and says so") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.store.writesLeft = 2;
  CHECK(f.door->factoryReset() == Status::store_failed);
  f.store.writesFail = true;
  ResetWatcher watcher;
  bootWith(f, &watcher, f.random);
  CHECK(f.door->start() == Status::store_failed);
  CHECK(watcher.outcomes == std::vector<Status>{Status::store_failed});
  CHECK(f.door->doorId().empty());
  CHECK(f.door->kid().empty());
  f.run(2'000);
  CHECK_FALSE(f.light.trace.empty());   // lasting red
}

TEST_CASE("a status frame tells the largest free block and the least of stack; a receipt keeps its length") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const auto state = f.frames("status").back()["state"];
  CHECK(state["largestFreeBlock"] == 50'000);
  CHECK(state["stackLeft"] == 9'000);
  const auto receipt = f.send(f.spec("status"));
  CHECK_FALSE(receipt["state"].contains("largestFreeBlock"));
}

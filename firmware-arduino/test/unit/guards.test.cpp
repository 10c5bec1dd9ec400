#include <doctest/doctest.h>

#include <vector>

#include "commands/credential_guard.h"
#include "commands/rate_gate.h"
#include "commands/replay_guard.h"
#include "crypto/crypto.h"
#include "session/backoff.h"
#include "session/time_keeper.h"
#include "support/fakes.h"

using namespace esplock;
using Replay = ReplayGuard::Verdict;

namespace {

constexpr std::int64_t t0 = 1'800'000'000'000;

std::vector<std::uint8_t> jti(int n) {
  std::vector<std::uint8_t> id(16, 0);
  id[0] = static_cast<std::uint8_t>(n & 0xFF);
  id[1] = static_cast<std::uint8_t>(n >> 8);
  return id;
}

}  // namespace

TEST_CASE("an envelope is fresh for 60 s either way and stale outside") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load() == Status::ok);
  CHECK(guard.judge(jti(1).data(), t0 - 60'000, t0) == Replay::fresh);
  CHECK(guard.judge(jti(1).data(), t0 + 60'000, t0) == Replay::fresh);
  CHECK(guard.judge(jti(1).data(), t0 - 60'001, t0) == Replay::stale);
  CHECK(guard.judge(jti(1).data(), t0 + 60'001, t0) == Replay::stale);
}

TEST_CASE("the same id is replayed, also after it has left the ring and however the clock moves") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load() == Status::ok);
  REQUIRE(guard.record(jti(1).data(), t0) == Status::ok);
  CHECK(guard.judge(jti(1).data(), t0, t0) == Replay::replayed);
  CHECK(guard.judge(jti(2).data(), t0 - 5, t0) == Replay::fresh);   // an older one of another sender
  REQUIRE(guard.hasRoom(t0 + 60'001));                             // the ring forgets
  CHECK(guard.judge(jti(1).data(), t0, t0 + 30'000) == Replay::replayed);   // and the clock goes back
  CHECK(guard.judge(jti(3).data(), t0 + 1, t0 + 30'000) == Replay::fresh);
}

TEST_CASE("after a boot iat must exceed the persisted mark") {
  fakes::FakeStore store;
  {
    ReplayGuard guard(store);
    REQUIRE(guard.load() == Status::ok);
    REQUIRE(guard.record(jti(1).data(), t0) == Status::ok);
    REQUIRE(guard.record(jti(2).data(), t0 - 100) == Status::ok);   // does not lower it
  }
  ReplayGuard guard(store);
  REQUIRE(guard.load() == Status::ok);
  CHECK(guard.mark() == t0);
  CHECK(guard.judge(jti(1).data(), t0, t0) == Replay::replayed);
  CHECK(guard.judge(jti(9).data(), t0, t0) == Replay::replayed);
  CHECK(guard.judge(jti(9).data(), t0 + 1, t0) == Replay::fresh);
  REQUIRE(guard.clear() == Status::ok);
  CHECK(guard.judge(jti(9).data(), t0, t0) == Replay::fresh);
}

TEST_CASE("a mark that cannot be stored stops the act; one that cannot be read stops them all") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load() == Status::ok);
  store.writesFail = true;
  CHECK(guard.record(jti(1).data(), t0) == Status::store_failed);
  CHECK(guard.judge(jti(1).data(), t0, t0) == Replay::fresh);   // nothing was recorded
  store.values["mark"] = {1, 2, 3};
  ReplayGuard damaged(store);
  CHECK(damaged.load() == Status::corrupt);
  CHECK(damaged.judge(jti(1).data(), t0, t0) == Replay::replayed);
}

TEST_CASE("a full ring has no room until its ids are too old") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load() == Status::ok);
  for (int i = 0; i < static_cast<int>(ReplayGuard::ringLength); ++i) {
    REQUIRE(guard.hasRoom(t0));
    REQUIRE(guard.record(jti(i).data(), t0 + i) == Status::ok);
  }
  CHECK_FALSE(guard.hasRoom(t0));
  CHECK(guard.record(jti(999).data(), t0) == Status::busy);
  CHECK_FALSE(guard.hasRoom(t0 + 60'000));
  CHECK(guard.hasRoom(t0 + 60'001));
}

TEST_CASE("five bad passwords lock out for 60 s, doubling to an hour; a good one forgives") {
  crypto::start();
  CredentialGuard guard;
  using V = CredentialGuard::Verdict;
  std::uint64_t now = 1'000;
  for (int i = 0; i < 4; ++i) CHECK(guard.check("wrong", "correct horse", now) == V::bad);
  CHECK(guard.check("correct horse", "correct horse", now) == V::good);
  std::uint64_t expected = 60'000;
  for (int round = 0; round < 9; ++round) {
    for (int i = 0; i < 4; ++i) CHECK(guard.check("correct horsf", "correct horse", now) == V::bad);
    CHECK(guard.check("", "correct horse", now) == V::badAndLockedOut);
    CHECK(guard.lockedOut(now + expected - 1));
    CHECK_FALSE(guard.lockedOut(now + expected));
    now += expected;
    expected = expected * 2 > 3'600'000 ? 3'600'000 : expected * 2;
  }
  CHECK(expected == 3'600'000);
  CHECK(guard.check("correct horse", "correct horse", now) == V::good);
  for (int i = 0; i < 5; ++i) guard.check("x", "correct horse", now);
  CHECK_FALSE(guard.lockedOut(now + 60'000));
  CHECK(guard.check("", "", now) != V::good);   // no password set: nothing matches
}

TEST_CASE("the bucket lets a burst through and then its rate") {
  RateGate gate(2, 3);
  CHECK(gate.take(1'000));
  CHECK(gate.take(1'000));
  CHECK(gate.take(1'000));
  CHECK_FALSE(gate.take(1'000));
  CHECK_FALSE(gate.take(1'499));
  CHECK(gate.take(1'500));
  CHECK_FALSE(gate.take(1'500));
  RateGate open(0, 0);
  for (int i = 0; i < 100; ++i) CHECK(open.take(1));
}

TEST_CASE("backoff is full jitter under a ceiling from 0.5 s to 60 s") {
  fakes::FakeRandom random;
  Backoff backoff(random);
  std::uint32_t ceiling = 500;
  std::uint32_t largest = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint32_t delay = backoff.next();
    CHECK(delay <= ceiling);
    largest = delay > largest ? delay : largest;
    ceiling = ceiling * 2 > 60'000 ? 60'000 : ceiling * 2;
  }
  CHECK(largest > 50'000);
  backoff.reset();
  CHECK(backoff.next() <= 500);
  random.works = false;
  CHECK(backoff.next() == 1'000);
}

TEST_CASE("the clock: SNTP before the first welcome, then the relay within 60 s, never below the mark") {
  fakes::FakeClock clock;
  SUBCASE("without SNTP the first relay sets it") {
    TimeKeeper time(clock);
    CHECK_FALSE(time.known());
    time.onRelayTime(t0);
    CHECK_FALSE(time.known());
    time.onWelcome(t0);
    CHECK(time.known());
    CHECK(time.nowMs() == t0);
    clock.advance(500);
    CHECK(time.nowMs() == t0 + 500);
    time.onRelayTime(t0 + 10'000'000);
    CHECK(time.nowMs() == t0 + 500 + 60'000);
    time.onRelayTime(t0 - 10'000'000);
    CHECK(time.nowMs() == t0 + 500 - 60'000);
    for (int i = 0; i < 100; ++i) time.onWelcome(t0 + 1'000'000'000);   // steps do not add up
    CHECK(time.nowMs() == t0 + 500 + 60'000);
  }
  SUBCASE("with SNTP a lying relay is held to 60 s from the start") {
    clock.wallNowMs = t0;
    TimeKeeper time(clock);
    time.onWelcome(t0 + 86'400'000);
    CHECK(time.nowMs() == t0 + 60'000);
    clock.wallNowMs = t0 + 999'999'999;   // SNTP no longer counts
    CHECK(time.nowMs() == t0 + 60'000);
  }
  SUBCASE("the mark is a floor") {
    TimeKeeper time(clock);
    time.setFloor(t0);
    CHECK(time.nowMs() == t0);
    time.onWelcome(t0 - 5'000);
    CHECK(time.nowMs() == t0);
    CHECK(time.relayNowMs() == t0 - 5'000);
    clock.advance(6'000);
    CHECK(time.nowMs() == t0 + 1'000);
  }
  SUBCASE("nonsense is no time") {
    TimeKeeper time(clock);
    for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'000}, INT64_MAX, INT64_MIN}) {
      time.onWelcome(bad);
      CHECK_FALSE(time.known());
    }
  }
}

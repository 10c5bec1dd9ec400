#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "access/verifiers/credential_guard.h"
#include "base/rate_gate.h"
#include "access/replay_guard.h"
#include "crypto/crypto.h"
#include "channels/backoff.h"
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
  REQUIRE(guard.load(1'000) == Status::ok);
  CHECK(guard.judge(jti(1).data(), t0 - 60'000, t0) == Replay::fresh);
  CHECK(guard.judge(jti(1).data(), t0 + 60'000, t0) == Replay::fresh);
  CHECK(guard.judge(jti(1).data(), t0 - 60'001, t0) == Replay::stale);
  CHECK(guard.judge(jti(1).data(), t0 + 60'001, t0) == Replay::stale);
}

TEST_CASE("the same id is replayed as long as it is known, and what has left the ring is stale however the clock moves") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load(1'000) == Status::ok);
  REQUIRE(guard.record(jti(1).data(), t0, 1'000) == Status::ok);
  CHECK(guard.judge(jti(1).data(), t0, t0) == Replay::replayed);
  CHECK(guard.judge(jti(2).data(), t0 - 5, t0) == Replay::fresh);   // an older one of another sender
  REQUIRE(guard.hasRoom(t0 + 600'000, 600'000));                   // nothing is forgotten while there is room
  CHECK(guard.judge(jti(1).data(), t0 + 590'000, t0 + 600'000) == Replay::replayed);
  for (int i = 3; guard.hasRoom(t0, 1'000); ++i) REQUIRE(guard.record(jti(i).data(), t0 + 50'000, 1'000) == Status::ok);
  CHECK_FALSE(guard.hasRoom(t0 + 60'001, 61'000));                 // who sent it may still try again
  REQUIRE(guard.hasRoom(t0 + 60'001, 61'001));                     // the ring forgets the first
  CHECK_FALSE(guard.has(jti(1).data()));
  CHECK(guard.judge(jti(1).data(), t0, t0 + 30'000) == Replay::stale);   // and the clock goes back
  CHECK(guard.judge(jti(2).data(), t0 + 1, t0 + 30'000) == Replay::fresh);
}

TEST_CASE("after a boot iat must exceed the persisted mark") {
  fakes::FakeStore store;
  {
    ReplayGuard guard(store);
    REQUIRE(guard.load(1'000) == Status::ok);
    REQUIRE(guard.record(jti(1).data(), t0, 1'000) == Status::ok);
    REQUIRE(guard.record(jti(2).data(), t0 - 100, 1'000) == Status::ok);   // does not lower it
  }
  ReplayGuard guard(store);
  REQUIRE(guard.load(1'000) == Status::ok);
  CHECK(guard.mark() == t0);
  CHECK(guard.judge(jti(1).data(), t0, t0) == Replay::replayed);   // the last ids are known
  CHECK(guard.judge(jti(2).data(), t0 + 10, t0) == Replay::replayed);
  CHECK(guard.judge(jti(9).data(), t0, t0) == Replay::stale);      // of this one the mark cannot tell
  CHECK(guard.judge(jti(9).data(), t0 + 1, t0) == Replay::fresh);
}

TEST_CASE("clearing the mark keeps the ring, in memory and over a boot; erasing keeps nothing") {
  fakes::FakeStore store;
  auto guard = std::make_unique<ReplayGuard>(store);
  REQUIRE(guard->load(1'000) == Status::ok);
  REQUIRE(guard->record(jti(1).data(), t0, 1'000) == Status::ok);
  REQUIRE(guard->recordBound(jti(2).data(), 1'000) == Status::ok);
  for (int boot = 0; boot < 2; ++boot) {
    REQUIRE(guard->clearMark(true, t0) == Status::ok);
    CHECK(guard->mark() == 0);
    CHECK(guard->judge(jti(1).data(), t0, t0) == Replay::replayed);
    CHECK(guard->has(jti(2).data()));
    CHECK(guard->judge(jti(9).data(), t0 - 5, t0) == Replay::fresh);
    guard = std::make_unique<ReplayGuard>(store);
    REQUIRE(guard->load(1'000) == Status::ok);
  }
  REQUIRE(guard->erase() == Status::ok);
  CHECK(store.values.empty());
  CHECK(guard->judge(jti(1).data(), t0, t0) == Replay::fresh);
}

TEST_CASE("what has left the ids in the store stays refused, also with the mark cleared and over boots") {
  constexpr int taken = 40;
  fakes::FakeStore store;
  auto guard = std::make_unique<ReplayGuard>(store);
  const auto boot = [&] {
    guard = std::make_unique<ReplayGuard>(store);
    REQUIRE(guard->load(1'000) == Status::ok);
  };
  boot();
  for (int i = 0; i < taken; ++i) REQUIRE(guard->record(jti(i).data(), t0 + i, 1'000) == Status::ok);
  const auto allRefused = [&] {
    for (int i = 0; i < taken; ++i) {
      CAPTURE(i);
      CHECK(guard->judge(jti(i).data(), t0 + i, t0) != Replay::fresh);
    }
  };
  boot();
  REQUIRE(guard->clearMark(true, t0) == Status::ok);
  allRefused();
  CHECK(guard->judge(jti(900).data(), t0 + 20, t0) == Replay::fresh);   // newer than what the ids have forgotten
  boot();
  allRefused();
  // Later ones, made earlier, push the ids of the first out of the store: the floor must rise by what leaves.
  for (int i = 0; i < taken; ++i) REQUIRE(guard->record(jti(100 + i).data(), t0 + 10, 1'000) == Status::ok);
  boot();
  allRefused();
  REQUIRE(guard->clearMark(true, t0) == Status::ok);
  allRefused();
}

TEST_CASE("a floor in the future gives way to a minute from now when the mark is cleared, and waits for a time to compare with") {
  constexpr std::int64_t day = 86'400'000;
  fakes::FakeStore store;
  auto guard = std::make_unique<ReplayGuard>(store);
  REQUIRE(guard->load(1'000) == Status::ok);
  for (int i = 0; i < 40; ++i) REQUIRE(guard->record(jti(i).data(), t0 + day + i, 1'000) == Status::ok);
  for (int boot = 0; boot < 2; ++boot) {
    CHECK(guard->clearMark(false, 0) == Status::busy);
    REQUIRE(guard->clearMark(true, t0) == Status::ok);
    CHECK(guard->judge(jti(900).data(), t0 + 60'000, t0) == Replay::stale);
    CHECK(guard->judge(jti(900).data(), t0 + 60'001, t0 + 1) == Replay::fresh);
    guard = std::make_unique<ReplayGuard>(store);
    REQUIRE(guard->load(1'000) == Status::ok);
  }
}

TEST_CASE("ids kept by older firmware are known, and held by the mark when they leave") {
  fakes::FakeStore store;
  for (int i = 0; i < 32; ++i) {
    const auto id = jti(i);
    store.values["mark.ids"].insert(store.values["mark.ids"].end(), id.data(), id.data() + ReplayGuard::idBytes);
  }
  store.values["mark"] = {0x10, 0x27, 0, 0, 0, 0, 0, 0};   // 10,000
  ReplayGuard guard(store);
  REQUIRE(guard.load(1'000) == Status::ok);
  CHECK(guard.judge(jti(31).data(), 9'999, 9'000) == Replay::replayed);
  REQUIRE(guard.clearMark(true, 9'000) == Status::ok);
  CHECK(guard.judge(jti(900).data(), 10'000, 9'000) == Replay::stale);
}

TEST_CASE("a boot keeps the last ids, as many as there are places, in their order") {
  fakes::FakeStore store;
  for (int round = 0; round < 3; ++round) {
    ReplayGuard guard(store);
    REQUIRE(guard.load(1'000) == Status::ok);
    for (int i = 0; i < 20; ++i) REQUIRE(guard.record(jti(round * 20 + i).data(), t0 + round * 20 + i, 1'000) == Status::ok);
  }
  ReplayGuard guard(store);
  REQUIRE(guard.load(1'000) == Status::ok);
  for (int i = 0; i < 60; ++i) CHECK(guard.has(jti(i).data()) == (i >= 60 - static_cast<int>(ReplayGuard::keptLength)));
  CHECK(store.values["mark.kept"].size() == 8 + ReplayGuard::keptLength * (ReplayGuard::idBytes + 8));
}

TEST_CASE("a command with a challenge moves neither mark nor floor, whatever its iat") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load(1'000) == Status::ok);
  REQUIRE(guard.recordBound(jti(1).data(), 1'000) == Status::ok);
  CHECK(guard.mark() == 0);
  CHECK(store.values.count("mark") == 0);
  for (int i = 2; guard.hasRoom(t0, 1'000); ++i) REQUIRE(guard.recordBound(jti(i).data(), 1'000) == Status::ok);
  CHECK_FALSE(guard.hasRoom(t0 + 86'400'000, 61'000));   // their age is told by the monotonic clock
  CHECK(guard.hasRoom(t0, 61'001));
  CHECK(guard.judge(jti(999).data(), t0 - 60'000, t0) == Replay::fresh);
}

TEST_CASE("ids that cannot be stored stop the act, and ids that cannot be read are told") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load(1'000) == Status::ok);
  store.writesLeft = 1;   // the mark, and no more
  CHECK(guard.record(jti(1).data(), t0, 1'000) == Status::store_failed);
  CHECK_FALSE(guard.has(jti(1).data()));
  store.writesLeft = -1;
  store.values["mark.kept"] = {1, 2, 3};
  ReplayGuard damaged(store);
  CHECK(damaged.load(1'000) == Status::corrupt);
  CHECK(damaged.judge(jti(1).data(), t0, t0) == Replay::stale);   // the mark is whole
  CHECK(damaged.judge(jti(1).data(), t0 + 1, t0) == Replay::fresh);
}

TEST_CASE("a mark that cannot be stored stops the act; one that cannot be read stops them all") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load(1'000) == Status::ok);
  store.writesFail = true;
  CHECK(guard.record(jti(1).data(), t0, 1'000) == Status::store_failed);
  CHECK(guard.judge(jti(1).data(), t0, t0) == Replay::fresh);   // nothing was recorded
  store.writesFail = false;
  store.values["mark"] = {1, 2, 3};
  ReplayGuard damaged(store);
  CHECK(damaged.load(1'000) == Status::corrupt);
  CHECK(damaged.judge(jti(1).data(), t0, t0) == Replay::stale);
  CHECK(damaged.clearMark(true, t0) == Status::ok);
  CHECK(damaged.judge(jti(1).data(), t0, t0) == Replay::fresh);
}

TEST_CASE("a full ring has no room until its ids are too old") {
  fakes::FakeStore store;
  ReplayGuard guard(store);
  REQUIRE(guard.load(1'000) == Status::ok);
  for (int i = 0; i < static_cast<int>(ReplayGuard::ringLength); ++i) {
    REQUIRE(guard.hasRoom(t0, 1'000));
    REQUIRE(guard.record(jti(i).data(), t0 + i, 1'000) == Status::ok);
  }
  CHECK_FALSE(guard.hasRoom(t0, 1'000));
  CHECK(guard.record(jti(999).data(), t0, 1'000) == Status::busy);
  CHECK_FALSE(guard.hasRoom(t0 + 60'000, 600'000));
  CHECK_FALSE(guard.hasRoom(t0 + 60'001, 61'000));
  CHECK(guard.hasRoom(t0 + 60'001, 61'001));
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

TEST_CASE("backoff is full jitter between 0.5 s and a ceiling that doubles from 1 s to 60 s") {
  fakes::FakeRandom random;
  Backoff backoff(random);
  std::uint32_t ceiling = 1'000;
  std::uint32_t largest = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint32_t delay = backoff.next();
    CHECK(delay >= 500);
    CHECK(delay <= ceiling);
    largest = delay > largest ? delay : largest;
    ceiling = ceiling * 2 > 60'000 ? 60'000 : ceiling * 2;
  }
  CHECK(largest > 50'000);
  backoff.reset();
  CHECK(backoff.next() <= 1'000);
  random.works = false;
  CHECK(backoff.next() == 2'000);
}


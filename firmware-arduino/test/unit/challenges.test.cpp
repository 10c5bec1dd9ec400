// Challenges of the door's own making (protocol 19.4): for commands that no clock has to vouch for.
#include "access/challenges.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "support/door_fixture.h"

using namespace esplock;
using fixture::DoorFixture;
using nlohmann::json;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes made(Challenges& challenges, std::uint64_t nowMs) {
  const std::uint8_t* const bytes = challenges.make(nowMs);
  REQUIRE(bytes != nullptr);
  return Bytes(bytes, bytes + Challenges::bytes);
}

/// A live door whose SNTP never answers.
struct UnsureDoor : DoorFixture {
  UnsureDoor() {
    clock.sntp = false;
    REQUIRE(startLive());
  }
  envelopes::Spec bound(const std::string& act, const std::string& challenge, const std::string& params = "") {
    envelopes::Spec result = spec(act, params);
    result.challenge = challenge;
    return result;
  }
};

}  // namespace

TEST_CASE("a challenge is good for 30 s, once, and never of all zeros") {
  fakes::FakeRandom random;
  Challenges challenges(random);
  const Bytes none(Challenges::bytes, 0);
  CHECK_FALSE(challenges.isGood(none.data(), 0));
  const Bytes first = made(challenges, 1'000);
  CHECK(challenges.isGood(first.data(), 1'000));
  CHECK(challenges.isGood(first.data(), 31'000));
  CHECK_FALSE(challenges.isGood(first.data(), 31'001));
  const Bytes second = made(challenges, 1'000);
  CHECK(first != second);
  challenges.burn(second.data(), 1'000);
  CHECK_FALSE(challenges.isGood(second.data(), 1'000));
  CHECK(challenges.isGood(first.data(), 1'000));
  random.works = false;
  CHECK(challenges.make(1'000) == nullptr);
  CHECK(challenges.isGood(first.data(), 1'000));
}

TEST_CASE("sixteen at a time: burnt and old ones make room, then the oldest, all in one millisecond too") {
  fakes::FakeRandom random;
  Challenges challenges(random);
  std::vector<Bytes> all;
  for (int i = 0; i < 16; ++i) all.push_back(made(challenges, 5));
  for (const Bytes& one : all) CHECK(challenges.isGood(one.data(), 5));
  for (std::size_t i = 0; i < 40; ++i) {
    all.push_back(made(challenges, 5));
    CHECK_FALSE(challenges.isGood(all[i].data(), 5));
    CHECK(challenges.isGood(all[i + 1].data(), 5));
  }
  challenges.burn(all[50].data(), 5);
  all.push_back(made(challenges, 6));
  for (std::size_t i = 40; i < 57; ++i) CHECK(challenges.isGood(all[i].data(), 6) == (i != 50));
  made(challenges, 30'006);   // all but one are too old
  CHECK(challenges.isGood(all[56].data(), 30'006));
}

TEST_CASE("without a sure clock a door opens with a challenge alone, and each opens once") {
  UnsureDoor f;
  CHECK(f.code(f.spec("unlock")) == "challenge_required");
  CHECK_FALSE(f.relay.everActive());
  const std::string challenge = f.askChallenge();
  CHECK(challenge.size() == 43);
  const json receipt = f.send(f.bound("unlock", challenge, R"({"holdMs":0})"));
  REQUIRE(receipt.is_object());
  CHECK(receipt["code"] == "ok");
  CHECK(receipt["state"]["clock"] == "unsure");
  CHECK(f.relay.active());
  CHECK(f.code(f.bound("lock", challenge)) == "challenge_required");
  CHECK(f.relay.active());
  CHECK(f.code(f.bound("lock", f.askChallenge())) == "ok");
  CHECK(f.store.values.count("mark") == 0);
}

TEST_CASE("no clock at all is needed: the relay may say what it likes") {
  DoorFixture f;
  f.clock.sntp = false;
  f.seedKeys();
  f.seedSettings();
  REQUIRE(f.boot() == Status::ok);
  f.answerPosts();
  f.run(400);
  f.transport.push(ChannelEventKind::opened);
  f.run(20);
  f.transport.push(ChannelEventKind::text, R"({"t":"welcome","door":"front-door","epoch":1,"time":5,"keepAliveSeconds":10})");
  f.run(20);
  REQUIRE(f.door->sessionState() == SessionState::live);
  CHECK(f.code(f.spec("unlock")) == "challenge_required");
  auto bound = f.spec("unlock");
  bound.challenge = f.askChallenge();
  CHECK(f.code(bound) == "ok");
}

TEST_CASE("what asks for a challenge costs a guesser nothing and gains him nothing") {
  UnsureDoor f;
  auto guess = f.spec("unlock");
  guess.password = "wrong wrong";
  for (int i = 0; i < 8; ++i) {
    const json receipt = f.send(guess);
    CHECK(receipt["code"] == "challenge_required");
    CHECK_FALSE(receipt.contains("state"));
    CHECK_FALSE(receipt["result"].contains("refusal"));
  }
  f.run(200);
  CHECK_FALSE(f.sawEvent("wrong_password"));
  guess.challenge = f.askChallenge();
  for (int i = 0; i < 5; ++i) CHECK(f.code(guess) == "bad_credential");   // the challenge itself does not wear out
  guess.password = "correct horse";
  CHECK(f.code(guess) == "locked_out");
  f.run(200);
  CHECK(f.sawEvent("lockout"));
}

TEST_CASE("a challenge does not outlive a boot") {
  UnsureDoor f;
  const std::string challenge = f.askChallenge();
  f.transport.events.clear();
  f.transport.isOpen = false;
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  CHECK(f.code(f.bound("unlock", challenge)) == "challenge_required");
  CHECK_FALSE(f.relay.everActive());
}

TEST_CASE("without randomness there is no challenge, and the socket stays open") {
  UnsureDoor f;
  f.random.works = false;
  CHECK(f.askChallenge().empty());
  CHECK(f.door->sessionState() == SessionState::live);
  f.random.works = true;
  CHECK(f.askChallenge().size() == 43);
}

TEST_CASE("a relay that asks without end gets sixteen good ones") {
  UnsureDoor f;
  std::set<std::string> seen;
  std::string last;
  for (int i = 0; i < 200; ++i) {
    last = f.askChallenge();
    seen.insert(last);
  }
  CHECK(seen.size() == 200);
  CHECK(f.code(f.bound("unlock", last)) == "ok");
}

TEST_CASE("a lie that a command was not sent: the retry keeps the jti and runs once") {
  DoorFixture f;
  REQUIRE(f.startLive());
  auto first = f.spec("unlock", R"({"holdMs":100})");
  first.jti = envelopes::Bytes(16, 0x55);
  REQUIRE(f.code(first) == "ok");        // and the relay says "expired"
  f.run(3'000);
  const std::size_t moves = f.relay.trace.size();
  auto retry = f.spec("unlock", R"({"holdMs":100})");   // another envelope, made later
  retry.jti = first.jti;
  CHECK(f.code(retry) == "replayed");
  f.transport.events.clear();
  f.transport.isOpen = false;
  f.relay.trace.clear();
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  retry.iatMs = f.relayNow() + 1;
  CHECK(f.code(retry) == "replayed");    // also by a door that has lost its memory
  REQUIRE(f.door->clearMark() == Status::ok);
  CHECK(f.code(retry) == "replayed");    // and its mark
  CHECK(moves > 0);
  CHECK_FALSE(f.relay.everActive());
  f.run(1'000);
  CHECK(f.sawEvent("replay_refused"));
}

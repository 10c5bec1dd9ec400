// The twelve codes of protocol 6.4 and the acts of 6.3, through a whole door.
#include <doctest/doctest.h>

#include "access/replay_guard.h"
#include "support/door_fixture.h"

using namespace esplock;
using fixture::DoorFixture;
using nlohmann::json;

TEST_CASE("unlock acts and its receipt says so") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const auto spec = f.spec("unlock", R"({"holdMs":2000})");
  const json receipt = f.send(spec);
  REQUIRE(receipt.is_object());
  CHECK(receipt["code"] == "ok");
  CHECK(receipt["status"] == 200);
  CHECK(receipt["door"] == "front-door");
  CHECK(receipt["jti"].get<std::string>().size() == 22);
  CHECK(receipt["state"]["lock"] == "unlocked");
  CHECK(receipt["state"]["mode"] == "normal");
  CHECK(receipt["at"].get<std::int64_t>() > fixture::relayEpochMs);
  CHECK(receipt["result"]["status"] == 200);
  CHECK_FALSE(receipt["result"].contains("refusal"));
  CHECK(f.relay.active());
  f.run(2'100);
  CHECK_FALSE(f.relay.active());
  CHECK(f.sawEvent("unlocked", R"({"cause":"command"})"));
  CHECK(f.sawEvent("locked", R"({"cause":"relock"})"));
}

TEST_CASE("unlock without params holds for the door's setting; 0 holds for good") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("unlock")) == "ok");
  f.run(4'900);
  CHECK(f.relay.active());
  f.run(200);
  CHECK_FALSE(f.relay.active());
  CHECK(f.code(f.spec("unlock", R"({"holdMs":0})")) == "ok");
  f.run(3'700'000, 1'000);
  CHECK(f.relay.active());
}

TEST_CASE("a relock comes in time while the network is gone") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("unlock", R"({"holdMs":3000})")) == "ok");
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(3'100);
  CHECK_FALSE(f.relay.active());
}

TEST_CASE("each refusal has its code, and state goes only with a good credential") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const auto check = [&f](envelopes::Spec spec, const char* code, bool state) {
    const json receipt = f.send(spec);
    CAPTURE(code);
    REQUIRE(receipt.is_object());
    CHECK(receipt["code"] == code);
    CHECK(receipt["status"] == 400);
    CHECK(receipt["result"]["status"] == 400);
    CHECK(receipt.contains("state") == state);
    CHECK(receipt["result"].contains("refusal") == (std::string(code) == "bad_credential"));
  };
  auto spec = f.spec("unlock");
  spec.door = "back-door";
  check(spec, "wrong_door", false);
  spec = f.spec("unlock");
  spec.scope = "query";
  check(spec, "wrong_scope", false);
  spec = f.spec("unlock");
  spec.iatMs -= 61'000;
  check(spec, "stale", false);
  spec = f.spec("unlock");
  spec.iatMs += 61'000;
  check(spec, "stale", false);
  spec = f.spec("unlock");
  spec.password = "correct horsf";
  check(spec, "bad_credential", false);
  spec = f.spec("explode");
  check(spec, "unsupported", false);
  check(f.spec("unlock", R"({"holdMs":-1})"), "invalid_params", true);
  check(f.spec("unlock", R"({"holdMs":3600001})"), "invalid_params", true);
  check(f.spec("unlock", R"({"holdMs":1.5})"), "invalid_params", true);
  check(f.spec("unlock", R"({"holdMs":1,"x":2})"), "invalid_params", true);
  check(f.spec("lock", R"({"now":true})"), "invalid_params", true);
  check(f.spec("configure"), "invalid_params", true);
  check(f.spec("configure", R"({"colour":"red"})"), "invalid_params", true);
  check(f.spec("configure", R"({"autoRelockMs":1,"doorPassword":"short"})"), "invalid_params", true);
  f.store.writesFail = true;
  check(f.spec("unlock"), "failed", true);
  f.store.writesFail = false;
  CHECK_FALSE(f.relay.everActive());
  CHECK(f.code(f.spec("status")) == "ok");
}

TEST_CASE("plaintext that is not as 6.2 says is malformed, or bare when it names no reply key") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const std::string key = envelopes::encode(envelopes::Bytes(32, 9));
  const auto codeOf = [&f](const std::string& plain) {
    auto spec = f.spec("unlock");
    spec.plain = plain;
    return f.code(spec);
  };
  const std::string good = R"("credential":{"type":"password","password":"correct horse"},"replyKey":")" + key + "\"";
  CHECK(codeOf("not json") == "bare400");
  CHECK(codeOf("[]") == "bare400");
  CHECK(codeOf(R"({"act":"unlock","credential":{"type":"password","password":"correct horse"}})") == "bare400");
  CHECK(codeOf(R"({"act":"unlock","replyKey":"AAAA"})") == "bare400");
  CHECK(codeOf("{" + good + "}") == "malformed");
  CHECK(codeOf(R"({"act":1,)" + good + "}") == "malformed");
  CHECK(codeOf(R"({"act":"unlock",)" + good + R"(,"params":[]})") == "malformed");
  CHECK(codeOf(R"({"act":"unlock",)" + good + R"(,"pad":1})") == "malformed");
  CHECK(codeOf(R"({"act":"unlock",)" + good + R"(,"extra":1})") == "malformed");
  CHECK(codeOf(R"({"act":"unlock","credential":"x","replyKey":")" + key + "\"}") == "malformed");
  CHECK(codeOf(R"({"act":"unlock","credential":{"type":"face"},"replyKey":")" + key + "\"}") == "unsupported");
  CHECK(codeOf(R"({"act":"unlock","credential":{"type":"password","password":")" + std::string(600, 'a') +
               R"("},"replyKey":")" + key + "\"}") == "bad_credential");
  CHECK_FALSE(f.relay.everActive());
  CHECK(codeOf(R"({"act":"unlock",)" + good + R"(,"pad":"xxxx"})") == "ok");
}

TEST_CASE("the same envelope twice acts once, and the second is reported") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("unlock", R"({"holdMs":100})")) == "ok");
  f.run(200);
  const std::size_t writes = f.relay.trace.size();
  const json again = f.sendJwe(f.lastJwe);
  REQUIRE(again.contains("receipt"));
  CHECK(json::parse(envelopes::openReceipt(again["receipt"], envelopes::Bytes(32, 9)))["code"] == "replayed");
  CHECK(f.relay.trace.size() == writes);
  f.run(1'000);
  CHECK(f.sawEvent("replay_refused"));
}

TEST_CASE("what was done before a restart is not done again after it") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("unlock", R"({"holdMs":100})")) == "ok");
  const std::string old = f.lastJwe;
  f.transport.events.clear();
  f.transport.isOpen = false;
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  f.relay.trace.clear();
  const json again = f.sendJwe(old);
  CHECK(json::parse(envelopes::openReceipt(again["receipt"], envelopes::Bytes(32, 9)))["code"] == "replayed");
  CHECK_FALSE(f.relay.everActive());
  CHECK(f.code(f.spec("unlock")) == "ok");
}

TEST_CASE("a refused command leaves mark and ring alone, so the right one still goes through") {
  DoorFixture f;
  REQUIRE(f.startLive());
  auto spec = f.spec("unlock");
  spec.jti = envelopes::Bytes(16, 0x77);
  spec.password = "wrong wrong";
  CHECK(f.code(spec) == "bad_credential");
  spec.password = "correct horse";
  spec.params = R"({"holdMs":"x"})";
  CHECK(f.code(spec) == "invalid_params");
  CHECK(f.store.values.count("mark") == 0);
  spec.params = "";
  CHECK(f.code(spec) == "ok");
  CHECK(f.store.values.count("mark") == 1);
  CHECK(f.code(spec) == "replayed");
}

TEST_CASE("the mark is in the store before the pin moves") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.store.writesFail = true;
  CHECK(f.code(f.spec("unlock")) == "failed");
  CHECK_FALSE(f.relay.everActive());
}

TEST_CASE("a full ring answers busy and recovers") {
  DoorFixture f;
  REQUIRE(f.startLive());
  for (std::size_t i = 0; i < ReplayGuard::ringLength; ++i) {
    auto spec = f.spec("status");
    spec.iatMs = f.relayNow() + 50'000;
    REQUIRE(f.code(spec) == "ok");
  }
  CHECK(f.code(f.spec("unlock")) == "busy");
  CHECK_FALSE(f.relay.everActive());
  f.run(121'000, 500);
  if (f.door->sessionState() != SessionState::live) REQUIRE(f.goLive());
  CHECK(f.code(f.spec("unlock")) == "ok");
}

TEST_CASE("a sender whose clock is fast does not make the others late") {
  DoorFixture f;
  REQUIRE(f.startLive());
  auto fast = f.spec("status");
  fast.iatMs += 55'000;
  CHECK(f.code(fast) == "ok");
  auto slow = f.spec("status");
  slow.iatMs -= 30'000;
  CHECK(f.code(slow) == "ok");
}

TEST_CASE("five bad passwords lock all out, the good one too, for 60 s") {
  DoorFixture f;
  REQUIRE(f.startLive());
  auto bad = f.spec("unlock");
  bad.password = "wrong wrong";
  for (int i = 0; i < 5; ++i) {
    bad.iatMs = f.relayNow();
    CHECK(f.code(bad) == "bad_credential");
  }
  const json locked = f.send(f.spec("unlock"));
  CHECK(locked["code"] == "locked_out");
  CHECK_FALSE(locked.contains("state"));
  CHECK_FALSE(locked["result"].contains("refusal"));
  CHECK_FALSE(f.relay.everActive());
  f.run(1'100);
  CHECK(f.sawEvent("wrong_password"));
  CHECK(f.sawEvent("lockout"));
  CHECK(f.frames("status").back()["state"]["mode"] == "lockout");
  f.run(25'000);
  f.transport.push(ChannelEventKind::text, R"({"t":"keepalive","time":1})");
  f.run(25'000);
  f.transport.push(ChannelEventKind::text, R"({"t":"keepalive","time":1})");
  f.run(10'000);
  CHECK(f.code(f.spec("unlock")) == "ok");
  CHECK(f.frames("status").back()["state"]["mode"] == "normal");
}

TEST_CASE("what cannot be authenticated, is too long or too late gets a bare 400") {
  DoorFixture f;
  REQUIRE(f.startLive());
  std::string jwe = envelopes::make(f.spec("unlock")).jwe;
  for (const std::string& bad : {std::string("x"), jwe.substr(1), jwe + "A", std::string(5'000, 'A')}) {
    const json result = f.sendJwe(bad);
    CHECK(result["status"] == 400);
    CHECK(result.size() == 3);
  }
  const json late = f.sendJwe(jwe, -1'000);
  CHECK(late["status"] == 400);
  CHECK_FALSE(late.contains("receipt"));
  CHECK_FALSE(f.relay.everActive());
  CHECK(f.sendJwe(jwe)["status"] == 200);
}

TEST_CASE("too many envelopes are not even decrypted") {
  DoorFixture f;
  f.options.commandsPerSecond = 2;
  f.options.commandBurst = 3;
  REQUIRE(f.startLive());
  for (int i = 0; i < 3; ++i) CHECK(f.code(f.spec("status")) == "ok");
  CHECK(f.code(f.spec("status")) == "bare400");
  f.run(600);
  CHECK(f.code(f.spec("status")) == "ok");
}

TEST_CASE("receipts are padded to one length whatever their code") {
  DoorFixture f;
  REQUIRE(f.startLive());
  auto bad = f.spec("status");
  bad.password = "wrong wrong";
  const std::size_t a = f.send(bad)["result"]["receipt"].get<std::string>().size();
  auto stale = f.spec("status");
  stale.iatMs -= 100'000;
  const std::size_t b = f.send(stale)["result"]["receipt"].get<std::string>().size();
  const std::size_t c = f.send(f.spec("status"))["result"]["receipt"].get<std::string>().size();
  CHECK(a == b);
  CHECK(a == c);
}

TEST_CASE("status tells the leaf, the signal, the heap and the last command") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("lock")) == "ok");
  f.contact.on = true;
  f.run(100);
  const json state = f.send(f.spec("status"))["state"];
  CHECK(state["contact"] == "open");
  CHECK(state["lock"] == "unknown");
  CHECK(state["rssi"] == -61);
  CHECK(state["freeHeap"] == 100'000);
  CHECK(state["uptimeMs"].get<std::int64_t>() > 0);
  CHECK(state["lastCommand"]["status"] == 200);
  f.transport.push(ChannelEventKind::text, R"({"t":"status","id":"q1"})");
  f.run(20);
  const json asked = f.frames("status").back();
  CHECK(asked["id"] == "q1");
  CHECK(asked["state"]["contact"] == "open");
}

TEST_CASE("configure takes everything or nothing, and a new door password counts at once") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("configure", R"({"autoRelockMs":700,"doorPassword":"battery staple","failSafe":"lock"})")) == "ok");
  auto spec = f.spec("unlock");
  CHECK(f.code(spec) == "bad_credential");
  spec = f.spec("unlock");
  spec.password = "battery staple";
  CHECK(f.code(spec) == "ok");
  f.run(680);
  CHECK(f.relay.active());
  f.run(40);
  CHECK_FALSE(f.relay.active());
  f.run(1'000);
  CHECK(f.sawEvent("configured", R"({"outcome":"kept"})"));
  CHECK(f.system.restarts == 0);
  char value[64];
  REQUIRE(f.door->showSetting("doorPassword", value, sizeof value) == Status::ok);
  CHECK(std::string(value) == "(set)");
}

TEST_CASE("restart answers first, closes in order and starts locked") {
  DoorFixture f;
  REQUIRE(f.startLive());
  CHECK(f.code(f.spec("unlock", R"({"holdMs":0})")) == "ok");
  CHECK(f.code(f.spec("restart")) == "ok");
  f.run(100);
  CHECK(f.system.restarts == 1);
  CHECK(f.transport.closes == std::vector<CloseReason>{CloseReason::going_away});
  f.run(5'000);
  CHECK(f.system.restarts == 1);
  f.relay.trace.clear();
  REQUIRE(f.boot() == Status::ok);
  CHECK(f.relay.trace == std::vector<bool>{false});
  CHECK(f.door->lock().reported == LockState::locked);
}

TEST_CASE("rotate_key names the new key, registers it and then answers to it only") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const std::string oldKid(f.door->kid());
  const json receipt = f.send(f.spec("rotate_key"));
  CHECK(receipt["code"] == "ok");
  const std::string newKid = receipt["newKid"];
  CHECK(newKid == envelopes::kidOf(envelopes::spareKeyDer()));
  f.transport.posts.clear();
  f.answerPosts();
  f.run(300);
  REQUIRE(f.transport.posts.size() >= 2);
  CHECK(json::parse(f.transport.posts[1].body).contains("rotation"));
  CHECK(std::string(f.door->kid()) == newKid);
  REQUIRE(f.goLive());
  CHECK(f.store.values.count("key.next") == 1);   // a new spare is ready
  CHECK(f.code(f.spec("status")) == "bare400");    // the old key id
}

TEST_CASE("a rotation the relay does not take is given up and the old key stays") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const std::string oldKid(f.door->kid());
  CHECK(f.send(f.spec("rotate_key"))["code"] == "ok");
  f.transport.answers.emplace_back(200, R"({"nonce":"bm9uY2U"})");
  f.transport.answers.emplace_back(409, R"({"code":"wrong_key"})");
  f.run(300);
  CHECK(std::string(f.door->kid()) == oldKid);
  REQUIRE(f.goLive());
  CHECK_FALSE(json::parse(f.transport.posts.back().body).contains("rotation"));
  CHECK(f.code(f.spec("status")) == "ok");
}

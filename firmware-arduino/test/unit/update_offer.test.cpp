// Offers of updates (protocol 12.5, 12.7): which are refused with what, and which follow one another.
#include <doctest/doctest.h>

#include "support/update_fixture.h"

using namespace esplock;
using fixture::UpdateFixture;
using nlohmann::json;

TEST_CASE("an offer is refused in the words of protocol 12.7, and no byte is asked for") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto refused = [&](const std::string& text) {
    f.told.clear();
    f.offer("u", text);
    f.turns(2);
    CHECK(f.told.size() == 1);
    CHECK(f.lastPhase() == "refuse");
    CHECK(f.door->update().state == UpdateState::idle);
    return f.lastCode();
  };
  const auto spec = f.release(releases::image(5'000));
  const auto with = [&](auto change) {
    releases::Spec other = spec;
    change(other);
    return refused(releases::sign(other));
  };
  CHECK(refused("x") == "bad_signature");
  CHECK(refused("") == "bad_signature");
  CHECK(with([](auto& s) { s.signer = "stranger"; }) == "unknown_key");
  CHECK(with([](auto& s) { s.product = "other"; }) == "wrong_product");
  CHECK(with([](auto& s) { s.board = "esp32dev"; }) == "wrong_board");
  CHECK(with([](auto& s) { s.expiresAt = fixture::relayEpochMs; }) == "expired");
  CHECK(with([](auto& s) { s.version = "1.2.3"; }) == "downgrade");
  CHECK(with([](auto& s) { s.securityVersion = 3; }) == "security_version");
  CHECK(with([](auto& s) { s.size = 4'194'305; }) == "too_large");
  f.slots.room = 4'999;
  CHECK(with([](auto&) {}) == "no_space");
  f.slots.room = 1U << 20;
  f.slots.beginFails = true;
  CHECK(with([](auto&) {}) == "no_space");
  f.slots.beginFails = false;
  f.store.writesFail = true;
  CHECK(with([](auto&) {}) == "write_failed");
  f.store.writesFail = false;
  f.transport.push(ChannelEventKind::text, R"({"t":"update","id":"u","phase":"offer"})");
  f.turns(2);
  CHECK(f.lastCode() == "bad_signature");
  CHECK(f.door->update().lastCode == std::string("bad_signature"));
  CHECK(f.slots.flash[1].empty());

  // And the very same release is taken once nothing is in its way.
  f.offer("u", spec);
  CHECK(f.updateToRestart());
}

TEST_CASE("a door without a second slot refuses for want of space") {
  UpdateFixture f;
  f.updateSlot = nullptr;
  REQUIRE(f.up());
  f.offer("u", f.release(releases::image(5'000)));
  f.turns(3);
  CHECK(f.lastCode() == "no_space");
}

TEST_CASE("without keys of the owner's those of the build count, and with them only his") {
  UpdateFixture f;
  f.seedKeys();
  f.seedSettings();
  f.slots.boot();
  f.firmware.releaseKeys[2] = releases::key("build").pem.c_str();
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  auto spec = f.release(releases::image(5'000));
  f.answersGets = false;
  f.offer("u1", spec);
  f.turns(2);
  CHECK(f.lastCode() == "unknown_key");
  spec.signer = "build";
  f.offer("u2", spec);
  f.turns(2);
  CHECK(f.accepted);
  REQUIRE(f.code(f.spec("configure", json({{"releaseKeys", {releases::key("release").pem}}}).dump())) == "ok");
  f.offer("u3", spec);
  f.turns(2);
  CHECK(f.lastCode() == "unknown_key");
}

TEST_CASE("busy while a key changes, a restart is on its way, or something is not known that has to be") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto spec = f.release(releases::image(5'000));
  SUBCASE("settings that a welcome has just accepted are in nobody's way") {
    REQUIRE(f.code(f.spec("configure", R"({"serverAddress":"https://other.example"})")) == "ok");
    f.run(100);
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.offer("u", spec);
    f.turns(2);
    CHECK(f.accepted);
  }
  SUBCASE("restarting") {
    f.transport.answersClose = false;
    f.door->restart();
    f.offer("u", spec);
    f.turns(2);
    CHECK_FALSE(f.accepted);
  }
  SUBCASE("a key being changed") {
    f.transport.answersClose = false;
    REQUIRE(f.code(f.spec("rotate_key")) == "ok");
    f.offer("u", spec);
    f.turns(2);
    CHECK(f.lastCode() == "busy");
  }
  SUBCASE("a clock that nobody has set") {
    f.clock.sntp = false;
    REQUIRE(f.powerOn() == Status::ok);
    f.answerPosts();
    for (int i = 0; i < 400 && f.door->sessionState() != SessionState::connecting; ++i) f.run(20);
    f.transport.push(ChannelEventKind::opened);
    f.run(20);
    f.transport.push(ChannelEventKind::text, R"({"t":"welcome","door":"d","epoch":99,"time":1,"keepAliveSeconds":10})");
    f.run(20);
    f.offer("u", spec);
    f.turns(2);
    CHECK(f.lastCode() == "busy");
  }
  SUBCASE("a floor that cannot be read") {
    f.store.values["upd.floor"] = {1, 2};
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.offer("u", spec);
    f.turns(2);
    CHECK(f.lastCode() == "busy");
  }
}

TEST_CASE("a newer offer replaces a download, and a refused one ends it as well") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto first = releases::image(20 * 4096, 1);
  const auto second = releases::image(7 * 4096 + 5, 2);
  const auto firstSpec = f.release(first, "1.3.0");
  f.offer("u1", firstSpec);
  f.turns(5);
  REQUIRE(f.door->update().percent > 0);
  SUBCASE("another release, which then runs") {
    f.transport.events.clear();
    f.offer("u2", f.release(second, "1.4.0"));
    CHECK(f.updateToRestart());
    CHECK(f.slots.flash[1] == second);
    CHECK(f.violation.empty());
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.turns(2);
    CHECK(f.told.back()["id"] == "u2");
  }
  SUBCASE("the same release under another id goes on where it was") {
    const unsigned percent = f.door->update().percent;
    f.transport.events.clear();
    f.offer("u2", firstSpec);
    f.turns(1);
    CHECK(f.door->update().percent == percent);
    CHECK(f.updateToRestart());
    CHECK(f.slots.flash[1] == first);
  }
  SUBCASE("a refused one") {
    f.offer("u2", "x");
    f.turns(2);
    CHECK(f.lastPhase() == "refuse");
    CHECK(f.door->update().state == UpdateState::idle);
    const std::size_t told = f.told.size();
    f.turns(100);
    CHECK(f.told.size() == told);
  }
  SUBCASE("the same id again is no other offer") {
    const std::size_t gets = f.sentAt.size();
    f.offer("u1", firstSpec);
    f.accepted = true;
    f.turns(3);
    CHECK(f.count("accept") == 1);
    CHECK(f.sentAt.size() > gets);
    CHECK(f.updateToRestart());
  }
}

TEST_CASE("offers faster than they can be checked are put off, so that the lock is not kept waiting") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto spec = f.release(releases::image(5'000));
  for (int i = 0; i < 60; ++i) f.offer("flood" + std::to_string(i), "x");
  for (int i = 0; i < 20; ++i) f.door->poll();
  f.serve();
  REQUIRE(f.told.size() == 60);
  CHECK(f.told.front()["code"] == "bad_signature");
  CHECK(f.told.back()["code"] == "busy");
  f.turns(100);
  f.offer("later", spec);
  CHECK(f.updateToRestart());
}

TEST_CASE("an id comes back as it was sent, whatever is in it; a manifest that JSON has to escape is none") {
  UpdateFixture f;
  REQUIRE(f.up());
  std::string id;
  for (char c = 1; c < 32; ++c) id += c;
  id += "\"\\/\x7f";
  f.offer(id, f.release(releases::image(5'000)));
  REQUIRE(f.updateToRestart());
  f.serve();
  CHECK(f.told.back()["id"] == id);
  UpdateFixture g;
  REQUIRE(g.up());
  const std::string manifest = releases::sign(g.release(releases::image(5'000)));
  std::string escaped = manifest;
  escaped.replace(0, 1, "\\u0065");
  g.transport.push(ChannelEventKind::text, R"({"t":"update","id":"u","phase":"offer","manifest":")" + escaped + "\"}");
  g.turns(2);
  CHECK(g.lastCode() == "bad_signature");
}

// What an update comes to at the next boots (protocol 12.5): confirmed, or rolled back and remembered.
#include <doctest/doctest.h>

#include "support/update_fixture.h"
#include "update/record.h"

using namespace esplock;
using fixture::UpdateFixture;
using Json = nlohmann::json;

namespace {

/// Up to the first start of the new image.
void updateTo(UpdateFixture& f, const releases::Spec& spec, const std::string& id = "u1") {
  f.offer(id, spec);
  REQUIRE(f.updateToRestart());
  REQUIRE(f.powerOn() == Status::ok);
  REQUIRE(f.runsNew());
}

/// Minutes without a relay.
void wait(UpdateFixture& f, int seconds) {
  for (int i = 0; i < seconds && f.system.restarts == 0; ++i) {
    f.transport.answers.emplace_back(0, "");
    f.run(1'000, 1'000);
  }
}

std::string lastTold(const UpdateFixture& f) { return f.told.empty() ? "" : f.told.back().dump(); }

}  // namespace

TEST_CASE("an image that no relay welcomes gives way after three minutes, and is not taken again") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto spec = f.release(releases::image(6'000));
  updateTo(f, spec);
  wait(f, 178);
  CHECK(f.system.restarts == 0);
  CHECK(f.slots.rollbacks == 0);
  wait(f, 5);
  CHECK(f.slots.rollbacks == 1);
  REQUIRE(f.system.restarts == 1);

  REQUIRE(f.powerOn() == Status::ok);
  CHECK(f.slots.image() == f.oldImage);
  f.told.clear();
  REQUIRE(f.goLive());
  f.turns(3);
  CHECK(lastTold(f) == R"({"code":"not_confirmed","id":"u1","phase":"rolled_back","t":"update"})");
  CHECK(f.sawEvent("update", R"({"code":"not_confirmed","phase":"rolled_back","version":"1.3.0"})"));
  f.offer("u2", spec);
  f.turns(2);
  CHECK(f.lastCode() == "failed_before");

  // Told again after a cut that may have taken the report along, and no more once the relay has answered.
  f.told.clear();
  REQUIRE(f.powerOn() == Status::ok);
  REQUIRE(f.goLive());
  f.turns(3);
  CHECK(lastTold(f) == R"({"code":"not_confirmed","id":"u1","phase":"rolled_back","t":"update"})");
  CHECK(f.count("rolled_back") == 1);
  f.answerKeepAlive();
  f.told.clear();
  REQUIRE(f.powerOn() == Status::ok);
  REQUIRE(f.goLive());
  f.turns(3);
  CHECK(f.told.empty());
  f.offer("u3", f.release(releases::image(6'000, 7), "1.4.0"));
  CHECK(f.updateToRestart());
}

TEST_CASE("an image that crashes before it is welcomed is rolled back by the boot loader, and the old one says so") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto spec = f.release(releases::image(6'000));
  updateTo(f, spec);
  f.told.clear();
  REQUIRE(f.powerOn() == Status::ok);   // whatever ended it, it starts a second time
  CHECK(f.slots.image() == f.oldImage);
  REQUIRE(f.goLive());
  f.turns(3);
  CHECK(lastTold(f) == R"({"code":"boot_failed","id":"u1","phase":"rolled_back","t":"update"})");
  f.offer("u2", spec);
  f.turns(2);
  CHECK(f.lastCode() == "failed_before");
}

TEST_CASE("the last four images that went wrong are remembered") {
  UpdateFixture f;
  REQUIRE(f.up());
  std::vector<releases::Spec> specs;
  for (std::uint32_t i = 0; i < 5; ++i) {
    specs.push_back(f.release(releases::image(5'000, 20 + i)));
    updateTo(f, specs.back(), "u" + std::to_string(i));
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.turns(2);
    CHECK(f.lastPhase() == "rolled_back");
  }
  f.answersGets = false;
  for (std::size_t i = 0; i < 5; ++i) {
    CAPTURE(i);
    f.offer("again" + std::to_string(i), specs[i]);
    f.turns(2);
    CHECK(f.accepted == (i == 0));
  }
}

TEST_CASE("the security version holds from the confirmation on, whatever an image says of itself") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto signedWithSeven = f.release(releases::image(6'000), "1.3.0", 7);
  f.known[f.served].securityVersion = 5;
  updateTo(f, signedWithSeven);
  CHECK(f.store.values.count("upd.floor") == 0);   // not before it is confirmed
  REQUIRE(f.goLive());
  CHECK(f.store.values["upd.floor"] == releases::Bytes{7, 0, 0, 0});
  REQUIRE(f.powerOn() == Status::ok);
  REQUIRE(f.goLive());
  f.offer("u2", f.release(releases::image(6'000, 2), "1.4.0", 6));
  f.turns(2);
  CHECK(f.lastCode() == "security_version");
  f.offer("u3", f.release(releases::image(6'000, 3), "1.5.0", 7));
  f.turns(2);
  CHECK(f.accepted);
}

TEST_CASE("a rolled back image does not raise the security version") {
  UpdateFixture f;
  REQUIRE(f.up());
  updateTo(f, f.release(releases::image(6'000), "1.3.0", 9));
  REQUIRE(f.powerOn() == Status::ok);
  REQUIRE(f.goLive());
  CHECK(f.door->update().securityFloor == 4);
}

TEST_CASE("an image on trial takes no other update, and one without a record is confirmed in silence") {
  UpdateFixture f;
  REQUIRE(f.up());
  updateTo(f, f.release(releases::image(6'000)));
  f.store.values.erase("upd");
  REQUIRE(f.boot() == Status::ok);
  CHECK(f.door->update().onTrial);
  f.slots.confirmFails = true;
  f.told.clear();
  REQUIRE(f.goLive());
  f.offer("u2", f.release(releases::image(6'000, 2), "1.4.0"));
  f.turns(2);
  CHECK(f.lastCode() == "busy");
  CHECK(f.door->update().onTrial);
  // What could not be confirmed is tried again, and welcomed is welcomed: the three minutes do not count any more.
  for (int i = 0; i < 30; ++i) {
    f.transport.push(ChannelEventKind::text, R"({"t":"keepalive","time":1})");
    f.turns(1, 8'000);
  }
  CHECK(f.slots.confirms > 5);
  CHECK(f.slots.rollbacks == 0);
  f.slots.confirmFails = false;
  f.turns(2, 8'000);
  CHECK_FALSE(f.door->update().onTrial);
  CHECK(f.count("confirmed") == 0);
  f.offer("u3", f.release(releases::image(6'000, 3), "1.5.0"));
  f.turns(2);
  CHECK(f.accepted);
}

TEST_CASE("a slot that cannot be given up is asked again") {
  UpdateFixture f;
  REQUIRE(f.up());
  updateTo(f, f.release(releases::image(6'000)));
  f.slots.rollbackFails = true;
  wait(f, 195);
  CHECK(f.slots.rollbacks == 2);
  CHECK(f.system.restarts == 0);
  f.slots.rollbackFails = false;
  wait(f, 15);
  CHECK(f.system.restarts == 1);
}

TEST_CASE("settings on probation and an image on trial: one welcome keeps both") {
  UpdateFixture f;
  REQUIRE(f.up());
  updateTo(f, f.release(releases::image(6'000)));
  // As a cut between the two writes would leave it.
  fixture::putOnProbation(f.store, f.system, f.random, [](Settings& values) {
    setText(values, SettingId::serverAddress, "https://other.example");
  });
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.slots.onTrial());
  SUBCASE("welcomed") {
    REQUIRE(f.goLive());
    f.turns(3);
    CHECK(f.sawEvent("configured", R"({"outcome":"kept"})"));
    CHECK(f.lastPhase() == "confirmed");
    CHECK(f.transport.server == "https://other.example");
  }
  SUBCASE("not welcomed: the image goes first, the settings have their own time after it") {
    wait(f, 190);
    REQUIRE(f.system.restarts == 1);
    CHECK(f.slots.rollbacks == 1);
    REQUIRE(f.powerOn() == Status::ok);
    CHECK(f.slots.image() == f.oldImage);
    f.run(20);
    CHECK(f.transport.server == "https://other.example");
    wait(f, 170);
    CHECK(f.system.restarts == 0);
    wait(f, 20);
    REQUIRE(f.system.restarts == 1);
    f.told.clear();
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.turns(3);
    CHECK(f.transport.server == "https://relay.example:8443");
    CHECK(f.sawEvent("configured", R"({"outcome":"reverted"})"));
    CHECK(lastTold(f) == R"({"code":"not_confirmed","id":"u1","phase":"rolled_back","t":"update"})");
  }
}

TEST_CASE("a door that cannot tell its digest goes by the version") {
  UpdateFixture f;
  f.slots.digestKnown = false;
  REQUIRE(f.up());
  CHECK(Json::parse(f.transport.posts.back().body).dump().find("sha256") == std::string::npos);
  updateTo(f, f.release(releases::image(6'000)));
  SUBCASE("confirmed") {
    REQUIRE(f.goLive());
    f.turns(2);
    CHECK(f.lastPhase() == "confirmed");
  }
  SUBCASE("rolled back") {
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.turns(2);
    CHECK(f.lastPhase() == "rolled_back");
  }
}

TEST_CASE("the proof names the digest of the image that runs") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto digestIn = [&] {
    const Json body = Json::parse(f.transport.posts.back().body);
    const std::string proof = body["proof"];
    const auto payload = envelopes::decode(proof.substr(proof.find('.') + 1, proof.rfind('.') - proof.find('.') - 1));
    return Json::parse(payload)["firmware"];
  };
  CHECK(digestIn()["sha256"] == releases::hexOf(releases::digestOf(f.oldImage)));
  updateTo(f, f.release(releases::image(6'000)));
  REQUIRE(f.goLive());
  CHECK(digestIn()["sha256"] == releases::hexOf(releases::digestOf(f.served)));
  CHECK(digestIn()["version"] == "1.3.0");
}

TEST_CASE("an update that no socket can tell of is told with the next welcome") {
  UpdateFixture f;
  REQUIRE(f.up());
  updateTo(f, f.release(releases::image(6'000)));
  f.answerPosts();
  for (int i = 0; i < 400 && f.door->sessionState() != SessionState::connecting; ++i) f.run(20);
  f.transport.push(ChannelEventKind::opened);
  f.run(20);
  f.transport.sendFails = true;
  f.welcome();
  f.run(100);
  CHECK_FALSE(f.slots.onTrial());
  REQUIRE(f.store.values.count("upd") == 1);
  f.transport.sendFails = false;
  f.told.clear();
  REQUIRE(f.powerOn() == Status::ok);
  REQUIRE(f.goLive());
  f.turns(2);
  CHECK(lastTold(f) == R"({"id":"u1","phase":"confirmed","t":"update"})");
}

TEST_CASE("power cut between the switch and its note: the new image knows itself by its digest") {
  UpdateFixture f;
  REQUIRE(f.up());
  f.offer("u1", f.release(releases::image(6'000), "1.3.0", 8));
  REQUIRE(f.updateToRestart());
  constexpr std::size_t phaseAt = 3;
  REQUIRE(f.store.values["upd"][phaseAt] == static_cast<std::uint8_t>(RecordPhase::switched));
  f.store.values["upd"][phaseAt] = static_cast<std::uint8_t>(RecordPhase::loading);
  f.told.clear();
  SUBCASE("and what it notes in its turn tells the old image, should that come back") {
    REQUIRE(f.powerOn() == Status::ok);
    CHECK(f.store.values["upd"][phaseAt] == static_cast<std::uint8_t>(RecordPhase::switched));
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.turns(2);
    CHECK(lastTold(f) == R"({"code":"boot_failed","id":"u1","phase":"rolled_back","t":"update"})");
  }
  SUBCASE("and, confirmed but cut off once more, still says so") {
    f.slots.boot();
    f.slots.trial = fakes::FakeSlots::Trial::none;
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.turns(2);
    CHECK(lastTold(f) == R"({"id":"u1","phase":"confirmed","t":"update"})");
    CHECK(f.door->update().securityFloor == 8);
  }
}

TEST_CASE("a record that is damaged or from elsewhere is no record") {
  UpdateFixture f;
  REQUIRE(f.up());
  f.offer("u1", f.release(releases::image(40 * 4096)));
  f.turns(10);
  const auto good = f.store.values["upd"];
  REQUIRE(good.size() > 50);
  std::vector<releases::Bytes> bad = {{}, {'U'}, releases::Bytes(300, 0xFF), releases::Bytes(good.size(), 0)};
  for (std::size_t i = 0; i < good.size(); ++i) {
    bad.emplace_back(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(i));
    bad.push_back(good);
    bad.back()[i] ^= 0xFF;
  }
  bad.push_back(good);
  bad.back().push_back(0);
  fakes::FakeStore store;
  for (const auto& bytes : bad) {
    store.values["upd"] = bytes;
    UpdateMemory memory(store);
    memory.load();
    const UpdateRecord& record = memory.record();
    CHECK(record.offset <= record.size);
    CHECK(std::strlen(record.id) < sizeof record.id);
    CHECK(static_cast<unsigned>(record.code) < updateCodeCount);
  }
  store.values["upd"] = good;
  UpdateMemory memory(store);
  memory.load();
  CHECK(memory.record().phase == RecordPhase::loading);
  CHECK(std::string(memory.record().id) == "u1");
}

// The bytes of an update (protocol 12.4, 12.5): asked for, taken, lost, found wrong, resumed.
#include <doctest/doctest.h>

#include "support/update_fixture.h"

using namespace esplock;
using fixture::UpdateFixture;

TEST_CASE("bytes nobody asked for are dropped, whatever they are") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto image = releases::image(3 * 4096);
  const auto hostile = [&] {
    for (const std::size_t length : {0U, 1U, 3U, 4U, 5U, 4095U, 4096U, 4097U, 8000U}) {
      for (const std::size_t offset : {std::size_t{1}, std::size_t{4095}, std::size_t{8192}, std::size_t{12'288}, std::size_t{0xFFFFF000}, std::size_t{0xFFFFFFFF}}) {
        f.sendBytes(offset, releases::Bytes(length, 0x55));
      }
    }
    for (const char* frame : {"", "a", "ab", "abc"}) f.transport.push(ChannelEventKind::binary, frame);
    for (int i = 0; i < 20; ++i) f.door->poll();
  };
  hostile();
  f.answersGets = false;
  f.offer("u", f.release(image));
  f.turns(2);
  REQUIRE(f.accepted);
  hostile();
  CHECK(f.door->update().state == UpdateState::downloading);
  CHECK(f.slots.flash[1].empty());
  f.answersGets = true;
  f.cursor = 0;
  f.told.clear();
  CHECK(f.updateToRestart());
  CHECK(f.slots.flash[1] == image);
  CHECK(f.transport.closes == std::vector<CloseReason>{CloseReason::going_away});
}

TEST_CASE("the very next bytes are dropped as well while nobody has asked for them") {
  UpdateFixture f;
  REQUIRE(f.up());
  f.offer("u", f.release(releases::image(3 * 4096)));
  while (f.sentAt.empty()) f.turns(1);
  f.transport.sendFails = true;   // the first block is taken, the second cannot be asked for
  f.turns(3);
  REQUIRE(f.slots.flash[1].size() == 4096);
  f.sendBytes(4096, {f.served.begin() + 4096, f.served.begin() + 8192});
  f.turns(3);
  CHECK(f.slots.flash[1].size() == 4096);
  f.transport.sendFails = false;
  CHECK(f.updateToRestart());
  CHECK(f.slots.flash[1] == f.served);
}

TEST_CASE("what goes wrong on the way ends the update with its code, and the slot is not used") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto image = releases::image(2 * 4096 + 1);
  const auto spec = f.release(image);
  const auto fails = [&](const char* code) {
    f.offer("u", spec);
    f.turns(300);
    f.serve();
    CHECK(f.lastPhase() == "failed");
    CHECK(f.lastCode() == code);
    CHECK(f.system.restarts == 0);
    CHECK(f.slots.active == 0);
    CHECK(f.store.values.count("upd") == 0);
    CHECK(f.sawEvent("update", std::string(R"({"code":")") + code + R"(","phase":"failed","version":"1.3.0"})"));
    CHECK(f.code(f.spec("status")) == "ok");
  };
  SUBCASE("a byte flipped on the way, in any block: known before anything is read back") {
    for (const std::size_t at : {0U, 4096U, 8192U}) {
      f.served = image;
      f.served[at] ^= 1;
      fails("hash_mismatch");
    }
    CHECK(f.slots.longestRead == 0);
  }
  SUBCASE("an image of the relay's that is too short") {
    f.served.resize(4096 + 7);
    fails("size_mismatch");
    f.served.resize(4096);
    fails("size_mismatch");
  }
  SUBCASE("more bytes than asked for") {
    f.answersGets = false;
    f.offer("u", spec);
    f.turns(2);
    f.sendBytes(0, releases::Bytes(4097, 1));
    f.turns(2);
    CHECK(f.lastCode() == "size_mismatch");
  }
  SUBCASE("the slot cannot be written") {
    f.slots.writeFails = true;
    fails("write_failed");
  }
  SUBCASE("the slot cannot be read back") {
    f.slots.readFails = true;
    fails("write_failed");
  }
  SUBCASE("the slot gives back another byte than was written") {
    f.slots.flipAt = 5'000;
    fails("hash_mismatch");
  }
  SUBCASE("the progress cannot be stored") {
    f.answersGets = false;
    f.offer("u", spec);
    f.turns(2);
    f.store.writesFail = true;
    f.sendBytes(0, {image.begin(), image.begin() + 4096});
    f.turns(2);
    CHECK(f.lastCode() == "write_failed");
  }
  SUBCASE("the boot slot cannot be changed") {
    f.slots.activateFails = true;
    fails("write_failed");
    CHECK(f.count("rebooting") == 0);
  }
}

TEST_CASE("a cut connection resumes at the last whole block of the same digest, under any id") {
  const auto image = releases::image(5 * 4096 + 1234);
  const std::size_t blocks = 6;
  for (std::size_t cutAfter = 0; cutAfter <= blocks; ++cutAfter) {
    CAPTURE(cutAfter);
    UpdateFixture f;
    REQUIRE(f.up());
    const auto spec = f.release(image);
    f.offer("u1", spec);
    // The relay has sent one block more than the door has taken when the line goes dead.
    while (f.sentAt.size() <= cutAfter && f.sentAt.size() < blocks) REQUIRE(f.turns(1));
    const std::size_t before = f.bytesSent;
    f.transport.events.clear();
    f.transport.push(ChannelEventKind::closed, {}, 1006);
    f.run(20);
    CHECK(f.door->update().state == UpdateState::idle);
    REQUIRE(f.goLive());
    f.offer(cutAfter % 2 == 0 ? "u1" : "u2", spec);
    REQUIRE(f.updateToRestart());
    f.serve();
    const std::size_t held = std::min(cutAfter, blocks - 1) * 4096;
    CHECK(f.acceptedOffset == static_cast<std::int64_t>(held));
    CHECK(before > held);
    CHECK(f.bytesSent - image.size() <= 4096);
    CHECK(f.slots.flash[1] == image);
    CHECK(f.violation.empty());
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE(f.goLive());
    f.turns(2);
    CHECK(f.lastPhase() == "confirmed");
    CHECK(f.told.back()["id"] == f.offerId);
  }
}

TEST_CASE("what was there and is not any more is downloaded again from the start") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto image = releases::image(5 * 4096);
  const auto spec = f.release(image);
  f.offer("u1", spec);
  while (f.sentAt.size() < 3) f.turns(1);
  f.turns(1);
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(20);
  f.slots.flash[1].resize(100);
  REQUIRE(f.goLive());
  f.offer("u1", spec);
  CHECK(f.updateToRestart());
  CHECK(f.acceptedOffset == 0);
  CHECK(f.slots.flash[1] == image);
}

TEST_CASE("a slot changed behind the door's back is found out by either digest") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto spec = f.release(releases::image(5 * 4096));
  f.offer("u1", spec);
  while (f.sentAt.size() < 3) f.turns(1);
  f.turns(1);
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(20);
  f.slots.flash[1][17] ^= 0x80;
  REQUIRE(f.goLive());
  f.offer("u1", spec);
  f.turns(300);
  CHECK(f.lastPhase() == "failed");
  CHECK(f.lastCode() == "hash_mismatch");
}

TEST_CASE("a relay that sends nothing for a minute is not waited for, and what is there stays") {
  UpdateFixture f;
  REQUIRE(f.up());
  const auto spec = f.release(releases::image(9 * 4096));
  f.offer("u1", spec);
  f.turns(4);
  f.answersGets = false;
  f.transport.events.clear();
  for (int i = 0; i < 59; ++i) {
    f.turns(1, 1'000);
    f.transport.push(ChannelEventKind::text, R"({"t":"keepalive","time":1})");
  }
  CHECK(f.door->update().state == UpdateState::downloading);
  f.turns(2, 1'000);
  CHECK(f.door->update().state == UpdateState::idle);
  CHECK(f.door->sessionState() == SessionState::live);
  f.answersGets = true;
  f.offer("u1", spec);
  CHECK(f.updateToRestart());
  CHECK(f.acceptedOffset > 0);
}

TEST_CASE("progress is told at most once a second, in whole percent that rise") {
  UpdateFixture f;
  REQUIRE(f.up());
  f.offer("u1", f.release(releases::image(200 * 4096)));
  std::uint64_t last = 0;
  int percent = -1;
  std::size_t seen = 0;
  while (f.turns(1)) {
    for (; seen < f.told.size(); ++seen) {
      if (f.told[seen]["phase"] != "downloading") continue;
      if (last != 0) CHECK(f.clock.nowMs - last >= 1'000);
      last = f.clock.nowMs;
      CHECK(f.told[seen]["percent"] > percent);
      percent = f.told[seen]["percent"];
    }
  }
  CHECK(percent > 50);
  CHECK(f.count("downloading") <= 5);
  CHECK(f.slots.longestRead <= 1'024);
}

TEST_CASE("up to four blocks may be asked for at a time, if the build says so, and never more") {
  UpdateFixture f;
  f.options.updateWindow = 9;
  REQUIRE(f.up());
  f.answersGets = false;
  f.offer("u1", f.release(releases::image(9 * 4096 + 1)));
  f.turns(5);
  CHECK(f.count("get") == 4);
  f.answersGets = true;
  f.cursor = 0;
  f.told.clear();
  CHECK(f.updateToRestart());
  CHECK(f.slots.flash[1] == f.served);
  CHECK(f.violation.empty());
}

// Power cut at every single thing that is kept, over the whole of an update: always a bootable, correct image, at most one
// block sent twice a cut, and an end that relay and door agree on (protocol 12.5).
#include <doctest/doctest.h>

#include <cstdio>

#include "support/update_fixture.h"

using namespace esplock;
using fixture::UpdateFixture;

namespace {

const releases::Bytes& newImage() {
  static const releases::Bytes image = releases::image(7 * 4096 + 77);
  return image;
}

/// A relay that goes on until it knows how the update has ended, and a supply that fails where it is told to.
struct Story {
  UpdateFixture f;
  releases::Spec spec;
  std::vector<int> cuts;      ///< steps from one cut to the next
  std::size_t cutsDone = 0;
  int boots = 0;
  bool pulsed = false;
  bool ranNew = false;

  explicit Story(std::vector<int> where) : cuts(std::move(where)) {
    f.seed();
    spec = f.release(newImage(), "1.3.0", 6);
    f.power.left = nextCut();
  }
  int nextCut() { return cutsDone < cuts.size() ? cuts[cutsDone++] : -1; }
  bool confirmed() const { return f.runsNew() && f.slots.trial == fakes::FakeSlots::Trial::none; }
  bool rolledBack() const { return f.slots.image() == f.oldImage && f.count("rolled_back") > 0; }

  /// From power on to power off, to a restart, or to the end of the story.
  bool ended() {
    ++boots;
    f.powerOn();
    REQUIRE(f.violation.empty());
    ranNew = ranNew || f.runsNew();
    if (f.power.cut) return false;
    const bool live = f.goLive();
    if (f.power.cut) return false;
    REQUIRE(live);
    if (!f.turns(3)) return false;
    if (confirmed() || rolledBack()) return true;
    f.offer("u1", spec);
    while (f.turns(1)) {
      REQUIRE(f.lastPhase() != "refuse");
      REQUIRE(f.lastPhase() != "failed");
    }
    return false;
  }
  void tell() {
    while (!ended()) {
      REQUIRE(boots < 10);
      pulsed = pulsed || f.relay.everActive();
      f.relay.trace.clear();
      if (f.power.cut) f.power.left = nextCut();
    }
  }
  int cutCount() const { return static_cast<int>(cuts.size()); }
};

void checkEnd(Story& story) {
  CHECK_FALSE(story.pulsed);
  CHECK(story.f.violation.empty());
  CHECK(story.f.bytesSent <= newImage().size() + 4096 * static_cast<std::size_t>(story.cutCount()));
  for (const auto& block : story.f.sentAt) CHECK(block.second <= 1 + story.cutCount());
  // Only an image that has been started can be said to have failed.
  if (story.rolledBack()) CHECK(story.ranNew);
  if (!story.confirmed()) return;
  CHECK(story.f.slots.image() == newImage());
  CHECK(story.f.store.values["upd.floor"] == releases::Bytes{6, 0, 0, 0});
}

int stepsOfAll() {
  Story story({});
  story.tell();
  REQUIRE(story.confirmed());
  CHECK(story.boots == 2);
  return story.f.power.steps;
}

}  // namespace

TEST_CASE("power cut at each step of an update: the right image runs in the end, and one block at most came twice") {
  const int steps = stepsOfAll();
  int rolledBack = 0;
  for (int step = 0; step < steps; ++step) {
    CAPTURE(step);
    Story story({step});
    story.tell();
    CHECK(story.f.power.steps >= step);
    checkEnd(story);
    if (!story.rolledBack()) continue;
    // Power lost during its trial: the boot loader cannot know better.
    ++rolledBack;
    CHECK(story.f.slots.image() == story.f.oldImage);
    CHECK(story.f.count("rebooting") + story.f.count("verified") > 0);
  }
  std::printf("power cut at %d steps: %d confirmed, %d rolled back during the trial\n", steps, steps - rolledBack,
              rolledBack);
  CHECK(rolledBack > 0);
  CHECK(rolledBack < 5);
}

TEST_CASE("power cut a second time soon after the first") {
  const int steps = stepsOfAll();
  for (int first = 0; first < steps; ++first) {
    for (const int second : {0, 1, 3}) {
      CAPTURE(first);
      CAPTURE(second);
      Story story({first, second});
      story.tell();
      checkEnd(story);
    }
  }
}

TEST_CASE("pin trace: no update pulses the relay, whether it is kept or rolled back") {
  UpdateFixture f;
  f.seed();
  const auto step = [&](bool live) {
    REQUIRE(f.powerOn() == Status::ok);
    REQUIRE_FALSE(f.relay.trace.empty());
    CHECK_FALSE(f.relay.trace.front());
    if (live) REQUIRE(f.goLive());
    f.turns(3);
  };
  step(true);
  f.offer("u1", f.release(newImage(), "1.3.0"));
  REQUIRE(f.updateToRestart());
  step(true);
  f.offer("u2", f.release(releases::image(5'000, 9), "1.4.0"));
  REQUIRE(f.updateToRestart());
  step(false);
  step(true);
  CHECK(f.lastPhase() == "rolled_back");
  f.offer("u3", f.release(releases::image(5'000, 10), "1.5.0"));
  f.served[4'500] ^= 1;
  f.turns(100);
  CHECK(f.lastCode() == "hash_mismatch");
  CHECK_FALSE(f.relay.everActive());
  for (const bool level : f.relay.trace) CHECK_FALSE(level);
}

TEST_CASE("pin trace: the restart of an update closes an open lock, once, and nothing opens it again") {
  UpdateFixture f;
  f.options.updateRelockWaitMs = 1'000;
  REQUIRE(f.up());
  REQUIRE(f.code(f.spec("unlock", R"({"holdMs":0})")) == "ok");
  f.relay.trace.clear();
  f.offer("u1", f.release(newImage(), "1.3.0"));
  REQUIRE(f.updateToRestart());
  CHECK(f.relay.trace.empty());
  REQUIRE(f.powerOn() == Status::ok);
  REQUIRE(f.goLive());
  CHECK(f.relay.trace == std::vector<bool>{false});
}

#include <doctest/doctest.h>

#include "lock/fail_safe.h"
#include "lock/lock_model.h"
#include "support/fakes.h"

using namespace esplock;

namespace {

struct Rig {
  fakes::FakePin pin;
  fakes::FakeInput contact;
  fakes::FakeEvents events;
  LockModel lock;
  std::uint64_t now = 1'000;
  explicit Rig(LockOptions options = {}, bool fitted = true) : lock(pin, &contact, events, options) {
    contact.fitted = fitted;
    lock.begin();
    lock.poll(now);
  }
  void run(std::uint64_t ms) {
    for (std::uint64_t end = now + ms; now < end;) {
      now += 10;
      lock.poll(now);
    }
  }
  bool saw(const std::string& kind) const {
    for (const auto& text : events.kinds) {
      if (text.rfind(kind, 0) == 0) return true;
    }
    return false;
  }
};

}  // namespace

TEST_CASE("it begins locked with one write and no pulse") {
  Rig rig;
  CHECK(rig.pin.trace == std::vector<bool>{false});
  CHECK(rig.lock.reading().reported == LockState::locked);
  CHECK(rig.events.kinds.empty());
}

TEST_CASE("unlock with a hold time locks again by itself") {
  Rig rig;
  rig.lock.unlock(rig.now, 500, "command");
  CHECK(rig.pin.active());
  CHECK(rig.lock.reading().reported == LockState::unlocked);
  rig.run(490);
  CHECK(rig.pin.active());
  rig.run(20);
  CHECK_FALSE(rig.pin.active());
  CHECK(rig.events.kinds == std::vector<std::string>{"unlocked cause=command", "locked cause=relock"});
}

TEST_CASE("hold time 0 stays unlocked until lock") {
  Rig rig;
  rig.lock.unlock(rig.now, 0, "command");
  rig.run(100'000);
  CHECK(rig.pin.active());
  rig.lock.lock(rig.now, "command");
  CHECK_FALSE(rig.pin.active());
}

TEST_CASE("a second unlock moves the relock and does not touch the pin") {
  Rig rig;
  rig.lock.unlock(rig.now, 300, "command");
  rig.run(200);
  rig.lock.unlock(rig.now, 300, "command");
  rig.run(200);
  CHECK(rig.pin.active());
  CHECK(rig.pin.trace.size() == 2);
  rig.run(120);
  CHECK_FALSE(rig.pin.active());
}

TEST_CASE("the bolt waits for an open leaf: asked locked, reported unlocked") {
  Rig rig;
  rig.lock.unlock(rig.now, 500, "command");
  rig.contact.on = true;
  rig.run(600);
  CHECK(rig.lock.reading().requested == LockState::locked);
  CHECK(rig.lock.reading().reported == LockState::unlocked);
  CHECK(rig.pin.active());
  rig.contact.on = false;
  rig.run(100);
  CHECK_FALSE(rig.pin.active());
  CHECK(rig.lock.reading().reported == LockState::locked);
}

TEST_CASE("a bolt waits a minute for the leaf and no longer: a cut contact wire does not keep the door open") {
  Rig rig;
  rig.lock.unlock(rig.now, 500, "command");
  rig.contact.on = true;   // and stays so
  rig.run(60'400);
  CHECK(rig.pin.active());
  rig.run(200);
  CHECK_FALSE(rig.pin.active());
  CHECK(rig.saw("held_open bolt=thrown"));
  CHECK(rig.events.kinds.back() == "locked cause=relock");
  CHECK(rig.lock.reading().reported == LockState::unknown);   // the contact still says open
  rig.lock.unlock(rig.now, 0, "command");
  CHECK(rig.pin.active());
  rig.lock.lock(rig.now, "command");
  rig.run(59'900);
  CHECK(rig.pin.active());
  rig.run(200);
  CHECK_FALSE(rig.pin.active());
}

TEST_CASE("the wait for the leaf begins anew with each lock, and without a bound it has no end") {
  LockOptions options;
  options.boltWaitMs = 0;
  Rig ever(options);
  ever.lock.unlock(ever.now, 500, "command");
  ever.contact.on = true;
  ever.run(600'000);
  CHECK(ever.pin.active());
  Rig rig;
  rig.lock.unlock(rig.now, 0, "command");
  rig.contact.on = true;
  rig.run(100);
  for (int i = 0; i < 3; ++i) {
    rig.lock.lock(rig.now, "command");
    rig.run(50'000);
    rig.lock.unlock(rig.now, 0, "command");
  }
  CHECK(rig.pin.trace == std::vector<bool>{false, true});
}

TEST_CASE("without the interlock the bolt does not wait, and an open leaf is not called locked") {
  LockOptions options;
  options.boltWaitsForLeaf = false;
  Rig rig(options);
  rig.lock.unlock(rig.now, 500, "command");
  rig.contact.on = true;
  rig.run(600);
  CHECK_FALSE(rig.pin.active());
  CHECK(rig.lock.reading().reported == LockState::unknown);
  CHECK_FALSE(rig.saw("forced_open"));
}

TEST_CASE("a leaf that opens while locked was forced; one that opens while unlocked was not") {
  Rig rig;
  rig.contact.on = true;
  rig.run(100);
  CHECK(rig.saw("forced_open"));
  CHECK(rig.lock.reading().reported == LockState::unknown);
  Rig other;
  other.lock.unlock(other.now, 5'000, "command");
  other.contact.on = true;
  other.run(100);
  CHECK_FALSE(other.saw("forced_open"));
}

TEST_CASE("contact bounce is not an opening") {
  Rig rig;
  for (int i = 0; i < 20; ++i) {
    rig.contact.on = !rig.contact.on;
    rig.run(30);
  }
  CHECK_FALSE(rig.saw("forced_open"));
}

TEST_CASE("an open leaf at boot is how things are, not an event") {
  fakes::FakePin pin;
  fakes::FakeInput contact;
  contact.on = true;
  fakes::FakeEvents events;
  LockModel lock(pin, &contact, events, {});
  lock.begin();
  for (std::uint64_t now = 1'000; now < 5'000; now += 10) lock.poll(now);
  CHECK(events.kinds.empty());
  CHECK(lock.reading().reported == LockState::unknown);
}

TEST_CASE("a leaf left open is reported once, and again after it was shut") {
  LockOptions options;
  options.heldOpenAfterMs = 1'000;
  Rig rig(options);
  rig.lock.unlock(rig.now, 0, "command");
  rig.contact.on = true;
  rig.run(5'000);
  rig.contact.on = false;
  rig.run(200);
  rig.contact.on = true;
  rig.run(2'000);
  int count = 0;
  for (const auto& kind : rig.events.kinds) count += kind == "held_open" ? 1 : 0;
  CHECK(count == 2);
}

TEST_CASE("without a sensor what was asked for is assumed") {
  Rig rig({}, false);
  CHECK(rig.lock.reading().contact == ContactState::absent);
  rig.lock.unlock(rig.now, 100, "command");
  rig.run(200);
  CHECK(rig.lock.reading().reported == LockState::locked);
}

namespace {

struct SafeRig : Rig {
  FailSafeWatch watch{lock, events};
  Settings settings;
  SafeRig(const char* mode, bool unlockedBefore = false) {
    setText(settings, SettingId::failSafe, mode);
    settings.failSafeAfterMs = 1'000;
    watch.begin(now);
    go(true, 100);
    if (unlockedBefore) lock.unlock(now, 0, "command");
  }
  void go(bool online, std::uint64_t ms) {
    for (std::uint64_t end = now + ms; now < end;) {
      now += 10;
      lock.poll(now);
      watch.poll(now, online, settings);
    }
  }
};

}  // namespace

TEST_CASE("offline too long: keep keeps, lock locks, only a chosen unlock opens") {
  SafeRig keep("keep", true);
  keep.go(false, 2'000);
  CHECK(keep.watch.entered());
  CHECK(keep.pin.active());
  SafeRig keepLocked("keep");
  keepLocked.go(false, 100'000);
  CHECK_FALSE(keepLocked.pin.everActive());
  SafeRig lock("lock", true);
  lock.go(false, 900);
  CHECK(lock.pin.active());
  lock.go(false, 200);
  CHECK_FALSE(lock.pin.active());
  SafeRig unlock("unlock");
  unlock.go(false, 900);
  CHECK_FALSE(unlock.pin.active());
  unlock.go(false, 200);
  CHECK(unlock.pin.active());
  unlock.go(true, 100);
  CHECK_FALSE(unlock.pin.active());
  CHECK(unlock.saw("fail_safe_entered mode=unlock"));
  CHECK(unlock.saw("fail_safe_left"));
}

TEST_CASE("a short absence is none, and 0 switches the fail-safe off") {
  SafeRig rig("lock", true);
  rig.go(false, 900);
  rig.go(true, 100);
  rig.go(false, 900);
  CHECK_FALSE(rig.watch.entered());
  SafeRig never("unlock");
  never.settings.failSafeAfterMs = 0;
  never.go(false, 1'000'000);
  CHECK_FALSE(never.watch.entered());
  CHECK_FALSE(never.pin.everActive());
}

// The memory budget of docs/door.md, on a 32-bit machine: what each part of a door takes, and in which blocks it asks for it.
// Prints a line a part and fails when one has grown past its own. A line may be raised, with the table in the manual.
#include <cstdio>

#include "door/parts.h"
#include "measure/new_count.h"
#include "support/fakes.h"

namespace {

using esplock::Door;
using Parts = esplock::Door::Parts;

struct Line {
  const char* part;
  std::size_t bytes;
  std::size_t limit;
};

#define PART(member, limit) {#member, sizeof(Parts::member), limit}
constexpr Line lines[] = {
    PART(workspace, 12100), PART(settings, 12500), PART(replay, 7300),  PART(uplink, 7200),   PART(log, 3300),
    PART(keys, 2700),       PART(events, 1300),    PART(processor, 1000), PART(challenges, 920), PART(updater, 900),
    PART(session, 800),     PART(health, 150),     PART(lock, 120),     PART(time, 100),      PART(reset, 100),
    PART(probation, 60),    PART(restart, 60),     PART(light, 60),     PART(state, 60),      PART(failSafe, 40),
    PART(settingsStore, 40), PART(credentials, 40), PART(sealer, 16),
};
#undef PART

constexpr std::size_t sumLimit = 50 * 1024;
constexpr std::size_t blockLimit = 32 * 1024;

/// What a door allocates when it is made; it allocates nothing after that.
new_count::Blocks countBlocks() {
  static fakes::FakeClock clock;
  static fakes::FakeRandom random;
  static fakes::FakeStore store;
  static fakes::FakeTransport transport;
  static fakes::FakePin relay;
  static fakes::FakeLight light;
  static fakes::FakeLog log;
  static fakes::FakeSystem system;
  new_count::start();
  const auto* door = new Door({clock, random, store, transport, transport, transport, relay, light, log, system}, {});
  const new_count::Blocks blocks = new_count::stop();
  delete door;
  return blocks;
}

}  // namespace

int main() {
  static_assert(sizeof(void*) == 4, "the budget is that of a 32-bit machine: build with -m32, or for one");
  bool good = true;
  for (const Line& line : lines) {
    const bool fits = line.bytes <= line.limit;
    good = good && fits;
    std::printf("%-14s %6u of %6u%s\n", line.part, static_cast<unsigned>(line.bytes), static_cast<unsigned>(line.limit),
                fits ? "" : "  TOO BIG");
  }
  const new_count::Blocks blocks = countBlocks();
  std::printf("a door: %u bytes in %u blocks, the largest %u (limits %u, %u)\n", static_cast<unsigned>(blocks.sum),
              static_cast<unsigned>(blocks.count), static_cast<unsigned>(blocks.largest), static_cast<unsigned>(sumLimit),
              static_cast<unsigned>(blockLimit));
  good = good && blocks.count > 0 && blocks.sum <= sumLimit && blocks.largest <= blockLimit;
  if (!good) std::puts("FAILED");
  return good ? 0 : 1;
}

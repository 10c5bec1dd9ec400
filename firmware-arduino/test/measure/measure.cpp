// Promises of the manual, measured: the deepest polls need less than 8 KiB of stack, and 10,000 commands, and updates,
// leave the heap as they found it. Built without sanitizers; prints its figures and fails when they are broken.
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "measure/heap_count.h"
#include "door/parts.h"
#include "support/update_fixture.h"

namespace {

constexpr std::size_t stackBytes = 256 * 1024;
constexpr std::size_t stackLimit = 8 * 1024;
constexpr int commands = 10'000;
constexpr int warmUp = 50;   ///< lets the libraries set up what they keep
constexpr unsigned char paint = 0xA5;

struct Job {
  fixture::DoorFixture* door = nullptr;
  bool work = false;
};

/// One poll that opens one envelope and acts on it, or checks an offer: the deepest things the door does. With `work` off nothing but the
/// thread's own beginnings is measured.
void* pollOnce(void* argument) {
  auto* job = static_cast<Job*>(argument);
  if (job->work) job->door->door->poll();
  return nullptr;
}

std::size_t stackOf(Job& job) {
  void* stack = ::mmap(nullptr, stackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memset(stack, paint, stackBytes);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, stackBytes);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, pollOnce, &job) != 0) std::abort();
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  const auto* bytes = static_cast<const unsigned char*>(stack);
  std::size_t untouched = 0;
  while (untouched < stackBytes && bytes[untouched] == paint) ++untouched;
  ::munmap(stack, stackBytes);
  return stackBytes - untouched;
}

void pushCommand(fixture::DoorFixture& door, const std::string& act) {
  const std::string jwe = envelopes::make(door.spec(act)).jwe;
  nlohmann::json frame = {{"t", "command"}, {"id", "m"}, {"jwe", jwe}, {"deadline", door.relayNow() + 60'000}};
  door.transport.push(esplock::ChannelEventKind::text, frame.dump());
}

bool measureStack(fixture::DoorFixture& door) {
  std::size_t worst = 0;
  Job idle{&door, false};
  const std::size_t base = stackOf(idle);
  for (const char* act : {"unlock", "lock", "status", "rotate_key"}) {
    pushCommand(door, act);
    Job job{&door, true};
    const std::size_t used = stackOf(job) - base;
    std::printf("stack of one poll with `%s`: %zu bytes\n", act, used);
    worst = used > worst ? used : worst;
  }
  std::printf("stack, worst: %zu bytes (limit %zu; the thread's own %zu are not counted)\n", worst, stackLimit, base);
  return worst < stackLimit;
}

/// The fakes allocate with `new`, which is not counted; what the door and the crypto library take with malloc is.
bool measureHeap(fixture::DoorFixture& door) {
  std::int64_t before = 0;
  std::int64_t atStart = 0;
  std::int64_t peak = 0;
  int good = 0;
  for (int i = 0; i < commands + warmUp; ++i) {
    pushCommand(door, i % 3 == 0 ? "unlock" : (i % 3 == 1 ? "lock" : "status"));
    door.transport.sent.clear();
    door.relay.trace.clear();
    door.light.trace.clear();
    door.watcher.lights.clear();
    door.log.lines.clear();
    if (i == warmUp) {
      before = heap_count::outstanding();
      atStart = heap_count::calls();
    }
    const std::int64_t level = heap_count::outstanding();
    heap_count::restartPeak();
    door.run(500, 500);
    if (heap_count::peak() - level > peak) peak = heap_count::peak() - level;
    for (const auto& frame : door.frames("result")) good += i >= warmUp && frame["status"] == 200 ? 1 : 0;
    if (i % 40 == 39) door.transport.push(esplock::ChannelEventKind::text, R"({"t":"keepalive","time":1})");
  }
  const std::int64_t grown = heap_count::outstanding() - before;
  const std::int64_t calls = heap_count::calls() - atStart;
  std::printf("size of a door: %zu bytes, allocated once, %zu of them for updates\n",
              sizeof(esplock::Door::Parts) + sizeof(esplock::Door), sizeof(esplock::Updater));
  std::printf("commands carried out: %d of %d\n", good, commands);
  std::printf("heap growth over %d commands: %lld bytes\n", commands, static_cast<long long>(grown));
  std::printf("heap during a command (crypto library alone): %lld allocations, at most %lld bytes at a time\n",
              static_cast<long long>(calls / commands), static_cast<long long>(peak));
  return grown == 0 && good == commands;
}

/// The turns of an update one by one: the check of the offer, a block, a slice of reading back, the switch.
bool measureUpdateStack(fixture::UpdateFixture& door) {
  Job idle{&door, false};
  const std::size_t base = stackOf(idle);
  std::size_t worst = 0;
  std::size_t ofOffer = 0;
  door.offer("stack", door.release(releases::image(40 * 4096 + 1, 900), "2.0.0"));
  for (int i = 0; i < 500 && door.system.restarts == 0; ++i) {
    door.clock.advance(20);
    Job job{&door, true};
    const std::size_t used = stackOf(job) - base;
    if (i == 0) ofOffer = used;
    worst = used > worst ? used : worst;
    door.serve();
  }
  std::printf("stack of the poll that checks an offer: %zu bytes; worst turn of an update: %zu (limit %zu)\n",
              ofOffer, worst, stackLimit);
  return worst < stackLimit && door.system.restarts == 1;
}

/// Downloads that are replaced, one after the other: a restart would make a new door.
bool measureUpdateHeap(fixture::UpdateFixture& door) {
  constexpr int updates = 20;
  std::int64_t before = 0;
  std::int64_t peak = 0;
  int failed = 0;
  for (int i = 0; i < updates + 2; ++i) {
    auto spec = door.release(releases::image(30 * 4096, static_cast<std::uint32_t>(i) + 1), "1." + std::to_string(i + 3) + ".0");
    door.served[29 * 4096] ^= 1;   // ends in hash_mismatch, the whole way but for the switch
    const std::string manifest = releases::sign(spec);
    if (i == 2) before = heap_count::outstanding();
    door.told.clear();
    door.transport.sent.clear();
    door.cursor = 0;
    door.log.lines.clear();
    door.light.trace.clear();
    const std::int64_t level = heap_count::outstanding();
    heap_count::restartPeak();
    door.offer("heap" + std::to_string(i), manifest);
    door.turns(60);
    if (heap_count::peak() - level > peak) peak = heap_count::peak() - level;
    failed += i >= 2 && door.lastCode() == "hash_mismatch" ? 1 : 0;
    door.transport.push(esplock::ChannelEventKind::text, R"({"t":"keepalive","time":1})");
  }
  const std::int64_t grown = heap_count::outstanding() - before;
  std::printf("heap growth over %d downloads of 120 KiB: %lld bytes, at most %lld bytes at a time (crypto library alone)\n", failed,
              static_cast<long long>(grown), static_cast<long long>(peak));
  return grown == 0 && failed == updates;
}

bool measureUpdates() {
  fixture::UpdateFixture door;
  if (!door.up()) return false;
  const bool heap = measureUpdateHeap(door);
  return measureUpdateStack(door) && heap;
}

}  // namespace

int main() {
  fixture::DoorFixture door;
  if (!door.startLive()) {
    std::puts("the door did not come up");
    return 1;
  }
  const bool heap = measureHeap(door);
  const bool stack = measureStack(door);
  const bool updates = measureUpdates();
  const bool good = heap && stack && updates;
  if (!good) std::puts("FAILED");
  return good ? 0 : 1;
}

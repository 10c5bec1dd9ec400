// A door's day on bare metal: it registers with a proof, opens an envelope, refuses it a second time, and lives through
// power cuts while settings are stored. Prints what it takes of the machine, a line a figure; ends with 0 when all went well.
#include <cstdio>
#include <cstdlib>

#include "board.h"
#include "jose/jws_reader.h"
#include "support/door_fixture.h"

namespace {

using esplock::Status;

int failures = 0;

void expect(bool good, const char* what) {
  std::printf("%s %s\n", good ? "ok  " : "FAIL", what);
  failures += good ? 0 : 1;
}

void pollOnce(void* door) { static_cast<esplock::Door*>(door)->poll(); }

std::size_t stackWorst = 0;
std::size_t heapWorst = 0;

/// One poll, with what it took of stack and heap.
void measured(fixture::DoorFixture& f) {
  const std::size_t level = bare::heap.held;
  bare::heap.peak = level;
  const std::size_t stack = bare::stackOf(pollOnce, f.door.get());
  if (stack > stackWorst) stackWorst = stack;
  if (bare::heap.peak - level > heapWorst) heapWorst = bare::heap.peak - level;
}

/// The proof in what was POSTed to register, under the key that came with it.
bool proofIsGood(const fixture::DoorFixture& f) {
  if (f.transport.posts.size() < 2) return false;
  const auto body = fixture::json::parse(f.transport.posts.back().body, nullptr, false);
  if (body.is_discarded() || !body.contains("proof")) return false;
  const std::string proof = body["proof"];
  static esplock::Workspace workspace;
  static esplock::JwsReader reader(workspace);
  if (reader.read(proof, "RS256", "openlock-proof+jws") != Status::ok) return false;
  const envelopes::Bytes key = envelopes::publicDerOf(envelopes::doorKeyDer());
  return reader.kid() == envelopes::kidOf(envelopes::doorKeyDer()) &&
         reader.verifyRs256({key.data(), key.size()}) == Status::ok;
}

/// Sends an envelope, polls once with paint on the stack, and returns the receipt's code.
std::string answerTo(fixture::DoorFixture& f, const envelopes::Made& made) {
  const std::string id = "cmd-" + std::to_string(++f.commandCount);
  const fixture::json frame = {{"t", "command"}, {"id", id}, {"jwe", made.jwe}, {"deadline", f.relayNow() + 60'000}};
  f.transport.push(esplock::ChannelEventKind::text, frame.dump());
  f.clock.advance(20);
  measured(f);
  for (const auto& result : f.frames("result")) {
    if (result["id"] != id) continue;
    if (!result.contains("receipt")) return "bare400";
    const std::string text = envelopes::openReceipt(result["receipt"], made.replyKey);
    const auto receipt = fixture::json::parse(text, nullptr, false);
    return receipt.is_discarded() ? "unreadable" : receipt["code"].get<std::string>();
  }
  return "nothing";
}

/// A change of settings whose power fails after the n-th write, and the boot after it. True while a cut was met.
bool cutAt(int writes, int& old, int& changed) {
  fixture::DoorFixture f;
  if (!f.startLive()) {
    expect(false, "the door came up before the cut");
    return false;
  }
  f.store.writesLeft = writes;
  answerTo(f, envelopes::make(f.spec("configure", R"({"autoRelockMs":700,"wifiSsid":"other"})")));
  const bool met = f.store.writesLeft == 0;
  f.store.writesLeft = -1;
  const Status again = f.boot();
  char relock[16] = {};
  char ssid[40] = {};
  f.door->showSetting("autoRelockMs", relock, sizeof relock);
  f.door->showSetting("wifiSsid", ssid, sizeof ssid);
  const bool isNew = std::string(relock) == "700" && std::string(ssid) == "other";
  const bool isOld = std::string(relock) == "5000" && std::string(ssid) == "home";
  if (again != Status::ok || !(isNew || isOld)) expect(false, "after a power cut the settings are the old or the new ones");
  if (!f.relay.active()) (isNew ? changed : old) += 1;
  return met;
}

void day() {
  fixture::DoorFixture f;
  f.seedKeys();
  f.seedSettings();
  const std::size_t before = bare::heap.held;
  expect(f.boot() == Status::ok, "the door boots");
  std::printf("heap held by the crypto library for keys: %u bytes\n", static_cast<unsigned>(bare::heap.held - before));
  f.answerPosts();
  for (int i = 0; i < 400 && f.door->sessionState() != esplock::SessionState::connecting; ++i) {
    f.clock.advance(20);
    measured(f);
  }
  expect(proofIsGood(f), "it registers with a proof that its key signed");
  expect(f.goLive(), "it goes live");
  const envelopes::Made unlock = envelopes::make(f.spec("unlock"));
  expect(answerTo(f, unlock) == "ok" && f.relay.active(), "an envelope opens it");
  expect(answerTo(f, unlock) == "replayed", "the same envelope is refused");
  expect(answerTo(f, envelopes::make(f.spec("lock"))) == "ok" && !f.relay.active(), "another one locks it");
}

}  // namespace

int main() {
  bare::countHeap();
  day();
  int old = 0;
  int changed = 0;
  int cuts = 0;
  while (cuts < 20 && cutAt(cuts, old, changed)) ++cuts;
  std::printf("power cut at %d writes: %d old, %d new\n", cuts, old, changed);
  expect(cuts > 1 && old + changed == cuts + 1 && changed >= 1, "settings survive a power cut at every write");
  std::printf("heap peak of the crypto library in one poll: %u bytes\n", static_cast<unsigned>(heapWorst));
  std::printf("stack high-water of one poll: %u bytes\n", static_cast<unsigned>(stackWorst));
  std::puts(failures == 0 ? "passed" : "FAILED");
  return failures == 0 ? 0 : 1;
}

// A relay and a power supply that do what they like to an update: frames of any text, bytes of any offset, lost sockets,
// restarts, good offers and good blocks among them. Whatever comes: only the signed image is ever made the one to boot.
//
// The input is a list of turns: what, how long, and the bytes of it.
#include <cstdlib>
#include <memory>
#include <string>

#include "config/settings_store.h"
#include "json/reader.h"
#include "support/fake_slots.h"
#include "update/updater.h"

using namespace esplock;

namespace {

const releases::Bytes& oldImage() {
  static const releases::Bytes image = releases::image(3'000, 1);
  return image;
}
const releases::Bytes& newImage() {
  static const releases::Bytes image = releases::image(2 * 4096 + 77, 2);
  return image;
}
const std::string& goodManifest() {
  static const std::string text = releases::sign(releases::specOf(newImage()));
  return text;
}

struct World final : UpdateDoor {
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  fakes::FakeStore store;
  fakes::FakeSystem system;
  fakes::FakeLog logSink;
  fakes::FakeLight strip;
  fakes::FakeSlots slots;
  crypto::Sealer sealer{system, random};
  Workspace workspace;
  SettingsStore settingsStore{store, sealer, workspace};
  SettingsManager settings{settingsStore};
  TimeKeeper time{clock};
  LogRing log{logSink, clock};
  LightPlayer light{strip};
  std::unique_ptr<Updater> updater;
  bool live = true;
  bool restarting = false;

  World() {
    slots.flash[0] = oldImage();
    time.onRelayTime(1'800'000'000'000);
    start();
  }
  void start() {
    restarting = false;
    live = true;
    slots.boot();
    if (slots.image() != oldImage() && slots.image() != newImage()) std::abort();
    UpdateOptions options;
    options.board = "test";
    options.releaseKeys[1] = releases::key("release").pem.c_str();
    options.window = 1 + static_cast<unsigned>(clock.nowMs % 4);
    updater = std::make_unique<Updater>(Updater::Parts{&slots, store, settings, time, log, light, *this, workspace, options});
    updater->start({slots.image() == oldImage() ? "1.2.3" : "1.3.0", 4, nullptr});
  }
  void frame(std::string_view text) {
    static json::Document document;
    static Frame read;
    if (readFrame(text, document, read) == Status::ok && read.isOffer) updater->onOffer(read.id, read.manifest);
  }
  void block(std::size_t number) {
    const std::size_t at = number * 4096;
    if (at >= newImage().size()) return;
    std::string bytes(1, '\0');
    for (int shift = 16; shift >= 0; shift -= 8) bytes += static_cast<char>(at >> shift & 0xFF);
    const std::size_t end = std::min(newImage().size(), at + 4096);
    bytes.append(newImage().begin() + static_cast<std::ptrdiff_t>(at), newImage().begin() + static_cast<std::ptrdiff_t>(end));
    updater->onBytes(bytes);
  }

  bool sendUpdate(std::string_view text) override {
    static json::Document document;
    if (document.parse(text) != Status::ok || !document.root()["t"].equals("update")) std::abort();
    return live;
  }
  bool updateBarred() const override { return restarting; }
  bool cryptoTaken() const override { return false; }
  bool lockAtRest() const override { return clock.nowMs % 2 == 0; }
  void restartForUpdate() override { restarting = true; }
  void onUpdatePhase(const char*, const char*, const char*) override {}
};

void turn(World& world, std::uint8_t what, std::string_view bytes) {
  switch (what % 9) {
    case 0: world.frame(bytes); break;
    case 1: world.updater->onBytes(bytes); break;
    case 2: world.clock.advance(bytes.size() * 997); break;
    case 3: world.updater->onSocketLost(); break;
    case 4: world.updater->onOffer("u" + std::to_string(bytes.size()), goodManifest()); break;   // JSON has no other bytes
    case 5: world.block(bytes.size()); break;
    case 6: world.start(); break;
    case 7: world.updater->onWelcome(); break;
    case 8: world.live = !world.live; break;
  }
  world.updater->poll();
  world.light.poll(world.clock.nowMs);
  const bool switched = world.slots.active != world.slots.running;
  if (switched && world.slots.flash[world.slots.active] != newImage() && world.slots.flash[world.slots.active] != oldImage()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::start();
  World world;
  int turns = 0;
  while (size >= 2 && ++turns < 60) {
    const std::size_t length = std::min<std::size_t>(data[1], size - 2);
    turn(world, data[0], {reinterpret_cast<const char*>(data + 2), length});
    data += 2 + length;
    size -= 2 + length;
  }
  return 0;
}

// The update slot on the stubs' flash, and whole updates of the whole board.
#include <algorithm>

#include "chip.h"
#include "crypto/crypto.h"
#include "platform/esp_update_slot.h"
#include "support/releases.h"

using chip::Chip;
using esplock::SessionState;
using stub::flash;
using stub::SocketStep;

namespace {

struct Relay {
  Chip& chip;
  std::size_t seen = 0;
  stub::Blob image;

  /// Offers, and answers what the door asks for until it restarts.
  void update(const releases::Spec& spec, const char* id) {
    stub::world().steps.push_back({SocketStep::Kind::text, 0,
                                   std::string(R"({"t":"update","phase":"offer","id":")") + id + R"(","manifest":")" +
                                       releases::sign(spec) + "\"}"});
    for (int i = 0; i < 2'000 && stub::world().restarts == 0; ++i) {
      chip.run(1);
      stub::world().nowMs += 10;
      for (; seen < stub::world().sent.size(); ++seen) answer(stub::world().sent[seen]);
    }
  }
  void answer(const std::string& frame) {
    const std::size_t at = frame.find(R"("phase":"get","offset":)");
    if (at == std::string::npos) return;
    const std::size_t offset = std::stoul(frame.substr(at + 23));
    const std::size_t end = std::min(image.size(), offset + 4096);
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(offset >> shift & 0xFF);
    bytes.append(image.begin() + static_cast<std::ptrdiff_t>(offset), image.begin() + static_cast<std::ptrdiff_t>(end));
    stub::world().steps.push_back({SocketStep::Kind::binary, 0, bytes});
  }
  bool heard(const char* text) const {
    for (const std::string& frame : stub::world().sent) {
      if (frame.find(text) != std::string::npos) return true;
    }
    return false;
  }
};

releases::Spec specFor(const stub::Blob& image) {
  releases::Spec spec = releases::specOf(image);
  spec.board = board::pins.board;
  spec.version = "99.0.0";
  spec.securityVersion = board::securityVersion;
  return spec;
}

/// The chip goes through its reset line: new tasks, new world, the same flash and NVS.
void restart(Chip& chip) {
  const auto nvs = stub::world().nvs;
  auto pins = stub::world().pins;
  const std::uint64_t now = stub::world().nowMs;
  chip.board.reset();
  stub::reset();
  stub::world().nvs = nvs;
  stub::world().pins = pins;
  stub::world().nowMs = now;
  flash().boot();
  chip.power();
}

}  // namespace

TEST_CASE("the slot writes sector by sector into the partition that does not run, and never before erasing") {
  stub::reset();
  stub::resetFlash();
  board::EspUpdateSlot slot;
  const auto image = releases::image(2 * 4096 + 500);
  flash().slots[1].assign(stub::Flash::slotBytes, 0);   // an old image: a write without erasing would leave zeros
  CHECK(slot.capacity() == stub::Flash::slotBytes);
  CHECK_FALSE(slot.write(0, image.data(), 4096));   // before begin
  REQUIRE(slot.begin(image.size(), 0));
  CHECK(slot.write(0, image.data(), 4096));
  CHECK(slot.write(4096, image.data() + 4096, 4096));
  CHECK(slot.write(8192, image.data() + 8192, 500));
  CHECK(flash().erased == std::vector<std::size_t>{0, 4096, 8192});
  CHECK(std::equal(image.begin(), image.end(), flash().slots[1].begin()));
  std::uint8_t out[1024] = {};
  CHECK(slot.read(8192, out, 500));
  CHECK(std::equal(out, out + 500, image.begin() + 8192));
  CHECK_FALSE(slot.read(8192, out, 501));
  CHECK_FALSE(slot.write(100, image.data(), 100));    // not on a sector
  CHECK_FALSE(slot.write(12'288, image.data(), 1));   // past the image
  CHECK_FALSE(slot.begin(stub::Flash::slotBytes + 1, 0));
  CHECK_FALSE(slot.begin(0, 0));
}

TEST_CASE("a write cut off is repeated, and what stands before it stays") {
  stub::reset();
  stub::resetFlash();
  board::EspUpdateSlot slot;
  const auto image = releases::image(2 * 4096);
  REQUIRE(slot.begin(image.size(), 0));
  REQUIRE(slot.write(0, image.data(), 4096));
  REQUIRE(slot.write(4096, releases::image(4096, 9).data(), 1000));
  board::EspUpdateSlot again;
  REQUIRE(again.begin(image.size(), 4096));
  REQUIRE(again.write(4096, image.data() + 4096, 4096));
  CHECK(std::equal(image.begin(), image.end(), flash().slots[1].begin()));
}

TEST_CASE("the digest is that of the file: as long as the image says, not as long as the partition") {
  stub::reset();
  stub::resetFlash();
  esplock::crypto::start();
  board::EspUpdateSlot slot;
  std::uint8_t digest[32] = {};
  CHECK_FALSE(slot.runningDigest(digest));   // no image that says so
  const auto image = releases::image(5'000);
  flash().put(0, image);
  REQUIRE(slot.runningDigest(digest));
  CHECK(releases::Bytes(digest, digest + 32) == releases::digestOf(image));
  flash().imageLength[0] = stub::Flash::slotBytes + 1;
  CHECK_FALSE(slot.runningDigest(digest));
}

TEST_CASE("no second partition is no room, and broken flash is a failure and no more") {
  stub::reset();
  stub::resetFlash();
  flash().hasSecond = false;
  board::EspUpdateSlot none;
  CHECK(none.capacity() == 0);
  CHECK_FALSE(none.begin(1, 0));
  CHECK_FALSE(none.activate());
  stub::resetFlash();
  board::EspUpdateSlot slot;
  REQUIRE(slot.begin(100, 0));
  flash().broken = true;
  std::uint8_t byte = 0;
  CHECK_FALSE(slot.write(0, &byte, 1));
  CHECK_FALSE(slot.read(0, &byte, 1));
  CHECK_FALSE(slot.activate());
  CHECK_FALSE(slot.confirm());
}

TEST_CASE("a whole update of the board: downloaded, switched, on trial, confirmed by the welcome") {
  Chip chip;
  flash().put(0, releases::image(9'000, 50));
  chip.power();
  chip.type(std::string("set releaseKeys\n") + releases::key("release").pem + ".\n");
  chip.type(chip::setUp);
  chip.run(5);
  chip.goLive();
  Relay relay{chip, 0, releases::image(3 * 4096 + 16, 51)};
  flash().imageLength[1] = static_cast<std::uint32_t>(relay.image.size());
  relay.update(specFor(relay.image), "u1");
  REQUIRE(stub::world().restarts == 1);
  CHECK(relay.heard(R"("phase":"verified")"));
  CHECK(relay.heard(R"("phase":"rebooting")"));
  CHECK(std::equal(relay.image.begin(), relay.image.end(), flash().slots[1].begin()));
  CHECK(flash().bootSlot == 1);
  CHECK(flash().marksValid == 0);

  SUBCASE("welcomed") {
    restart(chip);
    CHECK(flash().state == ESP_OTA_IMG_PENDING_VERIFY);
    chip.goLive();
    chip.run(5);
    CHECK(flash().marksValid == 1);
    CHECK(flash().state == ESP_OTA_IMG_VALID);
    CHECK(relay.heard(R"("phase":"confirmed")"));
    restart(chip);
    CHECK(flash().running == 1);
  }
  SUBCASE("not welcomed: after three minutes the old image is back and says why") {
    restart(chip);
    for (int i = 0; i < 185; ++i) {
      stub::world().nowMs += 1'000;
      chip.run(1);
    }
    CHECK(flash().marksInvalid == 1);
    CHECK(stub::world().restarts >= 1);
    restart(chip);
    CHECK(flash().running == 0);
    chip.goLive();
    chip.run(5);
    CHECK(relay.heard(R"("phase":"rolled_back","code":"not_confirmed")"));
  }
  SUBCASE("crashed at its first start: the boot loader goes back") {
    restart(chip);
    restart(chip);
    CHECK(flash().running == 0);
    chip.goLive();
    chip.run(5);
    CHECK(relay.heard(R"("phase":"rolled_back","code":"boot_failed")"));
  }
  SUBCASE("not welcomed, and the flash will not take the mark: the restart does it") {
    restart(chip);
    flash().invalidFails = true;
    for (int i = 0; i < 190; ++i) {
      stub::world().nowMs += 1'000;
      chip.run(1);
    }
    CHECK(stub::world().restarts == 1);
    restart(chip);
    CHECK(flash().running == 0);
  }
  CHECK_FALSE(chip.relayEverActive());
}

TEST_CASE("an image that ESP-IDF finds wrong is not switched to") {
  Chip chip;
  chip.type(std::string("set releaseKeys\n") + releases::key("release").pem + ".\n");
  chip.type(chip::setUp);
  chip.run(5);
  chip.goLive();
  Relay relay{chip, 0, releases::image(5'000, 52)};
  flash().imageGood = false;
  relay.update(specFor(relay.image), "u1");
  CHECK(stub::world().restarts == 0);
  CHECK(relay.heard(R"("phase":"failed","code":"write_failed")"));
  CHECK(flash().bootSlot == 0);
}

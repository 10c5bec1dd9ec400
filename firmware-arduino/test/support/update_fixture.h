// A door with two slots, and a relay that keeps to protocol 12.4 and watches that the door does.
#pragma once

#include "support/door_fixture.h"
#include "support/fake_slots.h"

namespace fixture {

struct UpdateFixture : DoorFixture {
  fakes::Power power;
  fakes::FakeSlots slots;

  /// What an image says of itself once it runs.
  struct Said {
    std::string version;
    std::uint32_t securityVersion = 4;
  };
  std::map<releases::Bytes, Said> known;
  releases::Bytes oldImage = releases::image(9'000, 100);

  // ---- the relay ----
  std::string offerId;
  std::string manifest;
  releases::Bytes served;              ///< the image as this relay has it
  std::size_t bytesSent = 0;
  std::map<std::size_t, int> sentAt;   ///< offset -> how often
  std::size_t cursor = 0;
  bool accepted = false;
  std::int64_t acceptedOffset = -1;
  bool answersGets = true;
  std::vector<json> told;              ///< `update` frames of this connection and those before
  std::string violation;

  UpdateFixture() {
    known[oldImage] = {"1.2.3"};
    slots.flash[0] = oldImage;
    slots.power = &power;
    updateSlot = &slots;
  }
  void seed() {
    seedKeys();
    seedSettings([](Settings& s) { setText(s, SettingId::releaseKeys, releases::key("release").pem); });
    store.power = &power;
  }

  /// Power on: boot loader, then the image it has chosen.
  Status powerOn() {
    power.cut = false;
    transport.events.clear();
    transport.answers.clear();
    transport.sent.clear();
    transport.closes.clear();
    transport.isOpen = transport.postRunning = false;
    system.restarts = 0;
    cursor = 0;
    accepted = false;
    slots.boot();
    const auto found = known.find(slots.image());
    if (found == known.end()) violation = "an image nobody released is running";
    if (found != known.end()) firmware = {found->second.version.c_str(), "test", found->second.securityVersion};
    return boot();
  }
  bool up() {
    seed();
    return powerOn() == Status::ok && goLive();
  }
  bool runsNew() const { return slots.image() == served; }

  releases::Spec release(const releases::Bytes& image, const std::string& version = "1.3.0",
                         std::uint32_t securityVersion = 4) {
    known[image] = {version, securityVersion};
    served = image;
    releases::Spec spec = releases::specOf(image);
    spec.version = version;
    spec.securityVersion = securityVersion;
    return spec;
  }
  void offer(const std::string& id, const std::string& text) {
    offerId = id;
    manifest = text;
    accepted = false;
    transport.push(ChannelEventKind::text,
                   json({{"t", "update"}, {"id", id}, {"phase", "offer"}, {"manifest", text}}).dump());
  }
  void offer(const std::string& id, const releases::Spec& spec) { offer(id, releases::sign(spec)); }

  void sendBytes(std::size_t offset, const releases::Bytes& bytes) {
    std::string frame;
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(offset >> shift & 0xFF);
    frame.append(bytes.begin(), bytes.end());
    transport.push(ChannelEventKind::binary, frame);
  }
  void answerGet(const json& frame) {
    const std::size_t offset = frame["offset"];
    const std::size_t length = frame["length"];
    if (!accepted || frame["id"] != offerId) violation = "get without accept";
    if (length < 1 || length > 4096 || offset % 4096 != 0) violation = "get out of bounds";
    if (!answersGets) return;
    const std::size_t from = std::min(offset, served.size());
    const std::size_t to = std::min(served.size(), from + length);
    bytesSent += to - from;
    ++sentAt[offset];
    sendBytes(offset, releases::Bytes(served.begin() + static_cast<std::ptrdiff_t>(from),
                                      served.begin() + static_cast<std::ptrdiff_t>(to)));
  }
  /// Takes what the door has said, as the relay would.
  void serve() {
    for (; cursor < transport.sent.size(); ++cursor) {
      const json frame = json::parse(transport.sent[cursor]);
      if (frame["t"] != "update") continue;
      told.push_back(frame);
      if (frame["phase"] == "accept" && frame["id"] == offerId) {
        accepted = true;
        acceptedOffset = frame["offset"];
      }
      if (frame["phase"] == "get") answerGet(frame);
    }
  }
  /// Turns of door and relay, until power is cut or the door restarts.
  bool turns(int count, std::uint64_t stepMs = 20) {
    for (int i = 0; i < count; ++i) {
      clock.advance(stepMs);
      door->poll();
      if (power.cut || system.restarts > 0) return false;
      serve();
    }
    return true;
  }
  /// The relay has everything the door said before.
  void answerKeepAlive() {
    transport.push(ChannelEventKind::text, json({{"t", "keepalive"}, {"time", relayNow()}}).dump());
    turns(2);
  }
  std::string lastPhase() const { return told.empty() ? "" : told.back()["phase"].get<std::string>(); }
  std::string lastCode() const { return told.empty() ? "" : told.back().value("code", ""); }
  int count(const std::string& phase) const {
    return static_cast<int>(std::count_if(told.begin(), told.end(), [&](const json& f) { return f["phase"] == phase; }));
  }
  /// From an offer to the restart into the new image.
  bool updateToRestart(int most = 3'000) { return !turns(most) && system.restarts == 1; }
};

}  // namespace fixture

// A whole door on fakes, and the relay's half of the conversation.
#pragma once

#include <nlohmann/json.hpp>

#include <memory>
#include <string>

#include "crypto/sealer.h"
#include "support/envelopes.h"
#include "support/fakes.h"
#include "support/saved_settings.h"

namespace fixture {

using nlohmann::json;
using namespace esplock;

constexpr std::int64_t relayEpochMs = 1'800'000'000'000;
constexpr char caPem[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

struct Watcher final : DoorObserver {
  std::vector<LightPattern> lights;
  std::vector<SessionState> sessions;
  std::vector<SessionTrouble> troubles;
  std::vector<std::string> updates;
  void onLight(LightPattern pattern) override { lights.push_back(pattern); }
  void onSession(SessionState state) override { sessions.push_back(state); }
  void onSessionTrouble(SessionTrouble trouble) override {
    trouble.code = {};
    troubles.push_back(trouble);
  }
  void onUpdate(const char* phase, const char* version, const char* code) override {
    updates.push_back(std::string(phase) + " " + version + (code[0] == '\0' ? "" : std::string(" ") + code));
  }
};

/// Everything that outlives a restart, and the ports.
struct DoorFixture {
  fakes::FakeClock clock;
  fakes::FakeRandom random;
  fakes::FakeStore store;
  fakes::FakeTransport transport;
  fakes::FakePin relay;
  fakes::FakeLight light;
  fakes::FakeLog log;
  fakes::FakeSystem system;
  fakes::FakeInput contact;
  fakes::FakeInput tamper;
  Watcher watcher;
  DoorOptions options;
  FirmwareInfo firmware{"1.2.3", "test", 4};
  UpdateSlot* updateSlot = nullptr;
  std::unique_ptr<Door> door;
  std::int64_t epoch = 0;
  int commandCount = 0;

  DoorFixture() { options.commandsPerSecond = 0; }

  void seedKeys() {
    crypto::start();
    crypto::Sealer sealer(system, random);
    seal(sealer, "key.cur", envelopes::doorKeyDer());
    seal(sealer, "key.next", envelopes::spareKeyDer());
  }
  void seal(crypto::Sealer& sealer, const char* name, const envelopes::Bytes& der) {
    envelopes::Bytes sealed(der.size() + crypto::Sealer::overheadBytes);
    std::size_t length = 0;
    sealer.seal(name, {der.data(), der.size()}, sealed.data(), sealed.size(), length);
    store.values[name] = sealed;
  }
  void seedSettings(const std::function<void(Settings&)>& change = {}) {
    Settings values;
    setText(values, SettingId::serverAddress, "https://relay.example:8443");
    setText(values, SettingId::caCertificate, caPem);
    setText(values, SettingId::doorId, "front-door");
    setText(values, SettingId::enrolmentToken, "TOKEN");
    setText(values, SettingId::doorPassword, "correct horse");
    setText(values, SettingId::wifiSsid, "home");
    if (change) change(values);
    saveSettings(store, system, random, values);
  }

  Status boot() {
    door = std::make_unique<Door>(
        DoorPorts{clock, random, store, transport, transport, transport, relay, light, log, system, &contact, &tamper, updateSlot, &watcher},
        firmware, options);
    return door->start();
  }
  void run(std::uint64_t ms, std::uint64_t step = 20) {
    for (std::uint64_t done = 0; done < ms; done += step) {
      clock.advance(step);
      door->poll();
    }
  }
  std::int64_t relayNow() const { return relayEpochMs + static_cast<std::int64_t>(clock.nowMs); }

  void answerPosts() {
    transport.answers.emplace_back(200, R"({"nonce":"bm9uY2U","expiresInSeconds":60,"time":1})");
    transport.answers.emplace_back(200, R"({"sessionToken":"sess","expiresInSeconds":86400,)"
                                        R"("socketPath":"/v1/devices/socket","keepAliveSeconds":10,"time":1,"kid":"k"})");
  }
  void welcome() {
    json frame = {{"t", "welcome"}, {"door", "front-door"}, {"epoch", ++epoch}, {"time", relayNow()},
                  {"keepAliveSeconds", 10}};
    transport.push(ChannelEventKind::text, frame.dump());
  }
  /// From wherever the door is to live.
  bool goLive() {
    if (door->sessionState() != SessionState::connecting) answerPosts();
    for (int i = 0; i < 4000 && door->sessionState() != SessionState::connecting; ++i) run(20);
    transport.answers.clear();
    transport.push(ChannelEventKind::opened);
    run(20);
    welcome();
    run(20);
    return door->sessionState() == SessionState::live;
  }
  bool startLive() {
    seedKeys();
    seedSettings();
    return boot() == Status::ok && goLive();
  }

  envelopes::Spec spec(const std::string& act, const std::string& params = "") {
    envelopes::Spec result;
    result.act = act;
    result.params = params;
    result.scope = act == "status" ? "query" : (act == "unlock" || act == "lock" ? "operate" : "configure");
    result.iatMs = relayNow() + 1;
    return result;
  }
  /// Sends the envelope text; the `result` frame that came back, or null.
  json sendJwe(const std::string& jwe, std::int64_t deadlineInMs = 5'000) {
    const std::string id = "cmd-" + std::to_string(++commandCount);
    json frame = {{"t", "command"}, {"id", id}, {"jwe", jwe}, {"deadline", relayNow() + deadlineInMs}};
    transport.push(ChannelEventKind::text, frame.dump());
    const std::size_t before = transport.sent.size();
    run(20);
    for (std::size_t i = before; i < transport.sent.size(); ++i) {
      const json answer = json::parse(transport.sent[i]);
      if (answer["t"] == "result" && answer["id"] == id) return answer;
    }
    return nullptr;
  }
  /// The opened receipt with `result` added; null when the answer was bare.
  json send(const envelopes::Spec& wanted) {
    const envelopes::Made made = envelopes::make(wanted);
    lastJwe = made.jwe;
    const json result = sendJwe(made.jwe);
    if (!result.contains("receipt")) return nullptr;
    json receipt = json::parse(envelopes::openReceipt(result["receipt"], made.replyKey));
    receipt["result"] = result;
    return receipt;
  }
  std::string code(const envelopes::Spec& wanted) {
    const json receipt = send(wanted);
    return receipt.is_null() ? "bare400" : receipt["code"].get<std::string>();
  }
  /// What the door answers to a relay that asks for a challenge; empty when it is silent.
  std::string askChallenge() {
    const std::size_t before = frames("challenge").size();
    transport.push(ChannelEventKind::text, R"({"t":"challenge","id":"ch"})");
    run(20);
    const auto answers = frames("challenge");
    return answers.size() == before ? "" : answers.back()["challenge"].get<std::string>();
  }
  std::vector<json> frames(const std::string& type) const {
    std::vector<json> found;
    for (const std::string& text : transport.sent) {
      json frame = json::parse(text);
      if (frame["t"] == type) found.push_back(std::move(frame));
    }
    return found;
  }
  bool sawEvent(const std::string& kind, const std::string& data = "") const {
    for (const json& event : frames("event")) {
      if (event["kind"] == kind && (data.empty() || event.value("data", json()).dump() == data)) return true;
    }
    return false;
  }
  std::string lastJwe;
};

}  // namespace fixture

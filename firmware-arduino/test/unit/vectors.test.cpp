// The vectors that TypeScript reads too (test/fixtures/protocol). A file that is not there is a failure.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "base/base64url.h"
#include "access/challenges.h"
#include "access/processor.h"
#include "access/replay_guard.h"
#include "json/reader.h"
#include "identity/public_key.h"
#include "jose/envelope.h"
#include "jose/receipt_jwe.h"
#include "jose/jws_reader.h"
#include "jose/jws_writer.h"
#include "protocol/frame.h"
#include "channels/outbox.h"
#include "channels/session.h"
#include "support/door_fixture.h"

using namespace esplock;
using Json = nlohmann::json;

namespace {

Json load(const char* name) {
  std::ifstream file(std::string(ESPLOCK_ROOT "/../test/fixtures/protocol/") + name);
  INFO("test/fixtures/protocol/", name);
  REQUIRE(file.good());
  return Json::parse(file);
}

envelopes::Bytes pemBody(const std::string& pem) {
  std::string text;
  for (std::size_t at = pem.find('\n') + 1; at < pem.size() && pem[at] != '-'; ++at) {
    const char c = pem[at];
    if (c == '+') text += '-';
    else if (c == '/') text += '_';
    else if (c != '\n' && c != '\r' && c != '=') text += c;
  }
  return envelopes::decode(text);
}

/// What stands behind the algorithm in PKCS#8 (an OCTET STRING) or SPKI (a BIT STRING): the PKCS#1 key.
envelopes::Bytes innerKey(const std::string& pem) {
  const envelopes::Bytes der = pemBody(pem);
  const envelopes::Bytes rsa = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00};
  auto at = std::search(der.begin(), der.end(), rsa.begin(), rsa.end());
  REQUIRE(at != der.end());
  at = std::find(at + static_cast<std::ptrdiff_t>(rsa.size()) + 2, der.end(), std::uint8_t{0x30});
  return envelopes::Bytes(at, der.end());
}

envelopes::Bytes fromHex(const std::string& hex) {
  envelopes::Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

/// A vector is its text, or {"hex"} for bytes that JSON could not carry.
std::string textOf(const Json& entry) {
  if (entry.is_string()) return entry;
  const envelopes::Bytes bytes = fromHex(entry["hex"]);
  return std::string(bytes.begin(), bytes.end());
}

/// A fresh door with the vectors' key, whose clock says what the vector wants it to say.
struct VectorDoor : fixture::DoorFixture {
  std::int64_t offsetMs = 0;

  explicit VectorDoor(const Json& vectors) {
    crypto::start();
    crypto::Sealer sealer(system, random);
    seal(sealer, "key.cur", innerKey(vectors["doorKeyPem"]));
    seal(sealer, "key.next", envelopes::spareKeyDer());
    seedSettings([&](Settings& s) {
      setText(s, SettingId::doorId, vectors["doorId"].get<std::string>());
      setText(s, SettingId::doorPassword, vectors["password"].get<std::string>());
    });
  }
  /// The relay welcomes it at `nowMs`; SNTP is ahead of that, or silent.
  void startAt(std::int64_t nowMs, const Json& sntpAheadMs) {
    clock.sntp = false;
    transport.events.clear();
    transport.answers.clear();
    transport.isOpen = transport.postRunning = false;
    REQUIRE(boot() == Status::ok);
    answerPosts();
    run(400);
    transport.push(ChannelEventKind::opened);
    door->poll();
    offsetMs = nowMs - static_cast<std::int64_t>(clock.nowMs);
    clock.sntp = !sntpAheadMs.is_null();
    clock.wallAheadMs = offsetMs + (clock.sntp ? sntpAheadMs.get<std::int64_t>() : 0);
    transport.push(ChannelEventKind::text, Json({{"t", "welcome"}, {"door", "d"}, {"epoch", ++epoch}, {"time", nowMs},
                                                {"keepAliveSeconds", 3600}}).dump());
    door->poll();
    REQUIRE(door->sessionState() == SessionState::live);
  }
  void moveTo(std::int64_t nowMs) { clock.nowMs = static_cast<std::uint64_t>(nowMs - offsetMs); }

  /// The one frame of type `answer` that the relay's frame is answered with.
  Json ask(const Json& frame, const char* answer) {
    const std::size_t before = frames(answer).size();
    transport.push(ChannelEventKind::text, frame.dump());
    door->poll();
    const auto answers = frames(answer);
    REQUIRE(answers.size() == before + 1);
    return answers.back();
  }
  Json command(const std::string& jwe, std::int64_t deadline) {
    return ask({{"t", "command"}, {"id", "v"}, {"jwe", jwe}, {"deadline", deadline}}, "result");
  }
};

/// The receipt is only readable with the sender's reply key, which is taken from the envelope as the door does it.
std::string codeOf(const Json& result, const Json& vectors, const std::string& jwe) {
  if (!result.contains("receipt")) return "bare400";
  fakes::FakeRandom random;
  crypto::RsaKey key;
  const envelopes::Bytes der = innerKey(vectors["doorKeyPem"]);
  REQUIRE(key.load({der.data(), der.size()}) == Status::ok);
  Workspace workspace;
  EnvelopeOpener opener(random, workspace);
  REQUIRE(opener.open(jwe, key, vectors["kid"].get<std::string>()) == Status::ok);
  const envelopes::Bytes replyKey = envelopes::decode(Json::parse(opener.plain())["replyKey"]);
  const std::string receipt = envelopes::openReceipt(result["receipt"], replyKey);
  REQUIRE_FALSE(receipt.empty());
  return Json::parse(receipt)["code"];
}

}  // namespace

TEST_CASE("shared vectors: base64url") {
  const Json vectors = load("base64url.json");
  for (const Json& entry : vectors["valid"]) {
    const std::string text = entry["text"];
    CAPTURE(text);
    REQUIRE(base64url::isCanonical(text));
    CHECK(envelopes::decode(text) == fromHex(entry["hex"]));
    CHECK(envelopes::encode(fromHex(entry["hex"])) == text);
  }
  for (const Json& entry : vectors["invalid"]) {
    const std::string text = textOf(entry);
    CAPTURE(text);
    CHECK_FALSE(base64url::isCanonical(text));
  }
}

TEST_CASE("shared vectors: JSON") {
  const Json vectors = load("json.json");
  json::Document document;
  for (const Json& entry : vectors["valid"]) {
    const std::string text = textOf(entry);
    CAPTURE(text);
    CHECK(document.parse(text) == Status::ok);
  }
  for (const Json& entry : vectors["invalid"]) {
    const std::string text = textOf(entry);
    CAPTURE(text);
    CHECK(document.parse(text) != Status::ok);
  }
}

TEST_CASE("shared vectors: thumbprints, and the PEM the door would show") {
  const Json vectors = load("thumbprints.json");
  crypto::start();
  for (const Json& entry : vectors) {
    const std::string pem = entry["publicKeyPem"];
    const envelopes::Bytes der = innerKey(pem);
    char kid[kidChars + 1];
    REQUIRE(thumbprint({der.data(), der.size()}, kid) == Status::ok);
    CHECK(std::string(kid) == entry["kid"]);
    char written[maxPublicPemChars];
    REQUIRE(publicPem({der.data(), der.size()}, written, sizeof written) == Status::ok);
    CHECK(std::string(written) == pem);
  }
}

TEST_CASE("shared vectors: frames from the relay") {
  const Json vectors = load("frames.json");
  json::Document document;
  Frame frame;
  for (const Json& entry : vectors["relayToDoor"]["valid"]) {
    const std::string text = textOf(entry);
    CAPTURE(text);
    CHECK(readFrame(text, document, frame) == Status::ok);
  }
  for (const Json& entry : vectors["relayToDoor"]["invalid"]) {
    const std::string text = textOf(entry);
    // An unknown type is a newer relay's; the door lets it pass and does nothing.
    CAPTURE(text);
    const bool ignored = readFrame(text, document, frame) == Status::ok && frame.type == FrameType::unknown;
    CHECK((ignored || readFrame(text, document, frame) != Status::ok));
  }
}

TEST_CASE("shared vectors: proofs are written byte for byte alike") {
  const Json vectors = load("proofs.json");
  crypto::start();
  crypto::RsaKey key;
  const envelopes::Bytes der = innerKey(vectors["privateKeyPem"]);
  REQUIRE(key.load({der.data(), der.size()}) == Status::ok);
  const std::string kid = vectors["kid"];
  char text[2048];
  std::size_t length = 0;
  REQUIRE(writeJws(key, "openlock-proof+jws", kid, vectors["payloadText"].get<std::string>(), text, sizeof text, length) ==
          Status::ok);
  CHECK(std::string(text, length) == vectors["cases"][0]["proof"]);
  const Json& rotation = vectors["rotation"];
  REQUIRE(writeJws(key, "openlock-rotation+jws", kid, rotation["payloadText"].get<std::string>(), text, sizeof text,
                   length) == Status::ok);
  CHECK(std::string(text, length) == rotation["cases"][0]["proof"]);
}

TEST_CASE("shared vectors: receipts are written byte for byte alike") {
  const Json vectors = load("receipts.json");
  struct FixedRandom final : Random {
    envelopes::Bytes bytes;
    bool fill(std::uint8_t* out, std::size_t length) override {
      if (length != bytes.size()) return false;
      std::copy(bytes.begin(), bytes.end(), out);
      return true;
    }
  } random;
  crypto::start();
  const envelopes::Bytes key = fromHex(vectors["replyKeyHex"]);
  int compared = 0;
  for (const Json& entry : vectors["cases"]) {
    if (!entry.value("ok", false) || !entry.contains("plaintext") || !entry.contains("ivHex")) continue;
    const std::string plain = entry["plaintext"];
    if (plain.size() > ReceiptJwe::maxPlainBytes) continue;   // longer than this door ever writes
    random.bytes = fromHex(entry["ivHex"]);
    ReceiptJwe writer(random);
    char text[ReceiptJwe::maxChars];
    std::size_t length = 0;
    std::uint8_t sealed[ReceiptJwe::maxSealedBytes];
    std::memcpy(sealed + ReceiptJwe::headBytes, plain.data(), plain.size());
    REQUIRE(writer.seal(key.data(), sealed, plain.size(), length) == Status::ok);
    REQUIRE(ReceiptJwe::write({sealed, length}, text, sizeof text, length) == Status::ok);
    CHECK(std::string(text, length) == entry["receipt"]);
    ++compared;
  }
  CHECK(compared > 0);
}

/// `step` is answered with just what it expects, told by the status as well.
void checkCommand(VectorDoor& door, const Json& vectors, const Json& step) {
  const bool bare = step["expect"].value("bare400", false);
  const std::string wanted = bare ? "bare400" : step["expect"]["code"].get<std::string>();
  const Json result = door.command(step["jwe"], step["deadline"]);
  CHECK(codeOf(result, vectors, step["jwe"]) == wanted);
  CHECK(result["status"] == (wanted == "ok" ? 200 : 400));
  CHECK(result.contains("refusal") == (wanted == "bad_credential"));
}

TEST_CASE("shared vectors: command envelopes through a whole door") {
  const Json vectors = load("command-envelopes.json");
  int count = 0;
  for (const Json& entry : vectors["cases"]) {
    const std::string name = entry["name"];
    CAPTURE(name);
    VectorDoor door(vectors);
    door.startAt(entry["nowMs"], 0);
    CHECK(std::string(door.door->kid()) == vectors["kid"]);
    // One longer than a frame never reaches the door: the transport ends the socket with 1009.
    if (entry["jwe"].get<std::string>().size() > Channel::maxFrameBytes) continue;
    checkCommand(door, vectors, entry);
    ++count;
  }
  CHECK(count > 200);
  std::printf("command-envelopes.json: %d envelopes through a whole door\n", count);
}

TEST_CASE("shared vectors: numbers a door and its relay both know") {
  const Json limits = load("limits.json");
  CHECK(EnvelopeOpener::maxChars == limits["jweChars"]);
  CHECK(ReceiptJwe::maxChars <= limits["receiptChars"]);
  CHECK(CommandProcessor::padStep == limits["paddingBytes"]);
  CHECK(Channel::maxFrameBytes == limits["doorFrameBytes"]);
  CHECK(EventQueue::perSecond == limits["eventsPerSecond"]);
  CHECK(Session::largestEpochStep == limits["epochJump"]);
  CHECK(Session::missedLimit == limits["keepAlivesMissed"]);
  CHECK(Challenges::lifetimeMs == limits["doorChallengeSeconds"].get<std::uint64_t>() * 1000);
  CHECK(ReplayGuard::windowMs == limits["freshnessMs"]);
  CHECK(Backoff::firstMs == limits["backoffMinMs"]);
  CHECK(Backoff::longestMs == limits["backoffMaxMs"]);
  CHECK(UnsentResults::capacity == limits["unsentResults"]);
  CHECK(UnsentResults::keepMs == limits["unsentResultMs"]);
}

TEST_CASE("shared vectors: sequences of commands, with reboots, challenges and lies about the time") {
  const Json vectors = load("command-sequences.json");
  for (const Json& sequence : vectors["sequences"]) {
    const std::string name = sequence["name"];
    CAPTURE(name);
    VectorDoor door(vectors);
    door.startAt(sequence["steps"][0]["nowMs"], sequence["sntpAheadMs"]);
    int number = 0;
    for (const Json& step : sequence["steps"]) {
      CAPTURE(++number);
      const std::int64_t nowMs = step["nowMs"];
      door.moveTo(nowMs);
      if (step.contains("jwe")) {
        checkCommand(door, vectors, step);
      } else if (step.contains("reboot")) {
        door.startAt(nowMs, sequence["sntpAheadMs"]);
      } else if (step.contains("clearMark")) {
        REQUIRE(door.door->clearMark() == Status::ok);
      } else if (step.contains("keepalive")) {
        door.transport.push(ChannelEventKind::text, Json({{"t", "keepalive"}, {"time", step["keepalive"]}}).dump());
        door.door->poll();
      } else if (step.contains("challenge")) {
        door.random.next.push_back(envelopes::decode(step["challenge"]));
        const Json answer = door.ask({{"t", "challenge"}, {"id", "c"}}, "challenge");
        CHECK(answer["id"] == "c");
        CHECK(answer["challenge"] == step["challenge"]);
      } else {
        REQUIRE(step.contains("clock"));
        const Json answer = door.ask({{"t", "status"}, {"id", "s"}}, "status");
        CHECK(answer["state"]["clock"] == step["clock"]);
      }
    }
  }
}

#include <doctest/doctest.h>

#include <string>

#include "identity/key_ring.h"
#include "identity/proof.h"
#include "jose/jws_reader.h"
#include "support/door_fixture.h"

using namespace esplock;

namespace {

struct Ring {
  fixture::DoorFixture& base;
  crypto::Sealer sealer;
  KeyRing keys;
  explicit Ring(fixture::DoorFixture& fixture)
      : base(fixture), sealer(fixture.system, fixture.random), keys(fixture.store, sealer, fixture.system, 2048) {}
};

}  // namespace

TEST_CASE("the thumbprint of the key in RFC 7638 is the one RFC 7638 names") {
  crypto::start();
  const envelopes::Bytes modulus = envelopes::decode(
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
      "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
      "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
      "nqDKgw");
  REQUIRE(modulus.size() == 256);
  envelopes::Bytes der = {0x30, 0x82, 0x01, 0x0A, 0x02, 0x82, 0x01, 0x01, 0x00};
  der.insert(der.end(), modulus.begin(), modulus.end());
  der.insert(der.end(), {0x02, 0x03, 0x01, 0x00, 0x01});
  char kid[kidChars + 1];
  REQUIRE(thumbprint({der.data(), der.size()}, kid) == Status::ok);
  CHECK(std::string(kid) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  for (std::size_t cut = 0; cut < 20; ++cut) CHECK(thumbprint({der.data(), cut}, kid) != Status::ok);
}

TEST_CASE("a new device makes its key and a spare, and keeps them") {
  fixture::DoorFixture base;
  std::string kid;
  std::string spare;
  {
    Ring ring(base);
    CHECK(ring.keys.load() == Status::not_found);
    CHECK(ring.keys.incomplete());
    base.system.runNow = false;
    REQUIRE(ring.keys.startGenerating() == Status::ok);
    CHECK(ring.keys.generating());
    CHECK(ring.keys.pollGenerating() == Status::busy);
    CHECK(ring.keys.startGenerating() == Status::busy);
    base.system.runPending();
    CHECK(ring.keys.pollGenerating() == Status::ok);
    CHECK(ring.keys.incomplete());
    base.system.runNow = true;
    REQUIRE(ring.keys.startGenerating() == Status::ok);
    REQUIRE(ring.keys.pollGenerating() == Status::ok);
    CHECK_FALSE(ring.keys.incomplete());
    kid = ring.keys.kid();
    spare = ring.keys.spareKid();
    CHECK(kid.size() == 43);
    CHECK(kid != spare);
  }
  Ring again(base);
  CHECK(again.keys.load() == Status::ok);
  CHECK(std::string(again.keys.kid()) == kid);
  CHECK(std::string(again.keys.spareKid()) == spare);
}

TEST_CASE("a key that cannot be opened is not silently replaced") {
  fixture::DoorFixture base;
  base.seedKeys();
  base.store.values["key.cur"][30] ^= 1;
  Ring ring(base);
  CHECK(ring.keys.load() == Status::corrupt);
  CHECK_FALSE(ring.keys.incomplete());
  CHECK(ring.keys.kid().empty());
}

TEST_CASE("rotation survives a power cut after any number of writes") {
  const std::string oldKid = envelopes::kidOf(envelopes::doorKeyDer());
  const std::string newKid = envelopes::kidOf(envelopes::spareKeyDer());
  for (int writes = 0; writes < 6; ++writes) {
    CAPTURE(writes);
    fixture::DoorFixture base;
    base.seedKeys();
    base.store.writesLeft = writes;
    bool begun = false;
    {
      Ring ring(base);
      REQUIRE(ring.keys.load() == Status::ok);
      begun = ring.keys.beginRotation() == Status::ok;
      if (begun) ring.keys.finishRotation();
    }
    base.store.writesLeft = -1;
    Ring ring(base);
    REQUIRE(ring.keys.load() == Status::ok);
    if (!begun) {
      CHECK(std::string(ring.keys.kid()) == oldKid);
      continue;
    }
    // Once begun, the door can still prove the new key, whether or not the change of place had happened.
    const bool isNew = ring.keys.kid() == newKid;
    CHECK((isNew || (ring.keys.rotating() && ring.keys.spareKid() == newKid)));
    if (isNew) CHECK_FALSE(ring.keys.rotating());
  }
}

TEST_CASE("the proof names door, nonce, audience and firmware, signed by the key it shows") {
  fixture::DoorFixture base;
  base.seedKeys();
  Ring ring(base);
  REQUIRE(ring.keys.load() == Status::ok);
  RegistrationInput input;
  input.doorId = "front-door";
  input.nonce = "the-nonce";
  input.audience = "https://relay.example:8443";
  input.enrolmentToken = "TOKEN";
  input.version = "1.2.3";
  input.board = "esp32dev";
  input.securityVersion = 7;
  const std::uint8_t digest[32] = {0xAB};
  input.imageDigest = digest;
  Workspace writerSpace;
  RegistrationWriter writer(writerSpace);
  char body[4096];
  std::size_t length = 0;
  REQUIRE(writer.write(ring.keys, input, body, sizeof body, length) == Status::ok);
  const auto sent = nlohmann::json::parse(std::string(body, length));
  CHECK(sent["doorId"] == "front-door");
  CHECK(sent["enrolmentToken"] == "TOKEN");
  CHECK_FALSE(sent.contains("rotation"));
  CHECK(sent["publicKey"].get<std::string>().rfind("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", 0) == 0);
  Workspace readerSpace;
  JwsReader reader(readerSpace);
  const std::string proof = sent["proof"];
  REQUIRE(reader.read(proof, "RS256", "openlock-proof+jws") == Status::ok);
  CHECK(reader.kid() == ring.keys.kid());
  const auto claims = nlohmann::json::parse(reader.payload());
  CHECK(claims["door"] == "front-door");
  CHECK(claims["nonce"] == "the-nonce");
  CHECK(claims["aud"] == "https://relay.example:8443");
  CHECK(claims["firmware"]["board"] == "esp32dev");
  CHECK(claims["firmware"]["securityVersion"] == 7);
  CHECK(claims["firmware"]["sha256"].get<std::string>().substr(0, 4) == "ab00");
  const auto publicDer = envelopes::publicDerOf(envelopes::doorKeyDer());
  CHECK(reader.verifyRs256({publicDer.data(), publicDer.size()}) == Status::ok);
}

TEST_CASE("while rotating the new key registers and the old one vouches for it") {
  fixture::DoorFixture base;
  base.seedKeys();
  Ring ring(base);
  REQUIRE(ring.keys.load() == Status::ok);
  REQUIRE(ring.keys.beginRotation() == Status::ok);
  RegistrationInput input;
  input.doorId = "front-door";
  input.nonce = "n";
  input.audience = "https://a";
  Workspace writerSpace;
  RegistrationWriter writer(writerSpace);
  char body[4096];
  std::size_t length = 0;
  REQUIRE(writer.write(ring.keys, input, body, sizeof body, length) == Status::ok);
  const auto sent = nlohmann::json::parse(std::string(body, length));
  Workspace readerSpace;
  JwsReader reader(readerSpace);
  const std::string proof = sent["proof"];
  REQUIRE(reader.read(proof, "RS256", "openlock-proof+jws") == Status::ok);
  CHECK(reader.kid() == ring.keys.spareKid());
  const std::string rotation = sent["rotation"];
  REQUIRE(reader.read(rotation, "RS256", "openlock-rotation+jws") == Status::ok);
  CHECK(reader.kid() == ring.keys.kid());
  const auto claims = nlohmann::json::parse(reader.payload());
  CHECK(claims["newKid"] == std::string(ring.keys.spareKid()));
  const auto oldPublic = envelopes::publicDerOf(envelopes::doorKeyDer());
  CHECK(reader.verifyRs256({oldPublic.data(), oldPublic.size()}) == Status::ok);
}

TEST_CASE("a registration with a 4096 bit key, a rotation and a token fits into one POST") {
  envelopes::Bytes der(2432);
  std::size_t derLength = 0;
  REQUIRE(crypto::RsaKey::generate(4096, der.data(), der.size(), derLength) == Status::ok);
  der.resize(derLength);
  fixture::DoorFixture base;
  crypto::Sealer sealer(base.system, base.random);
  base.seal(sealer, "key.cur", der);
  base.seal(sealer, "key.next", der);
  base.seal(sealer, "key.next", envelopes::doorKeyDer());
  Ring ring(base);
  REQUIRE(ring.keys.load() == Status::ok);
  const std::string door(64, 'd');
  const std::string audience = "https://" + std::string(200, 'a') + ":8443";
  const std::string token(128, 't');
  RegistrationInput input;
  input.doorId = door;
  input.nonce = token;
  input.audience = audience;
  input.enrolmentToken = token;
  input.version = "10.20.30-rc.1";
  input.board = "esp32-s3";
  Workspace writerSpace;
  RegistrationWriter writer(writerSpace);
  char body[4096];
  std::size_t length = 0;
  CHECK(writer.write(ring.keys, input, body, sizeof body, length) == Status::ok);
  REQUIRE(ring.keys.beginRotation() == Status::ok);
  CHECK(writer.write(ring.keys, input, body, sizeof body, length) == Status::ok);
  MESSAGE("longest registration body: " << length << " bytes");
}

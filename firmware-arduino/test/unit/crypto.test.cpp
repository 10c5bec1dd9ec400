#include <doctest/doctest.h>

#include <string>

#include "crypto/crypto.h"
#include "crypto/sealer.h"
#include "jose/jws_reader.h"
#include "jose/jws_writer.h"
#include "support/envelopes.h"
#include "support/fakes.h"

using namespace esplock;

namespace {

std::string hex(const std::uint8_t* data, std::size_t length) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    text += "0123456789abcdef"[data[i] >> 4];
    text += "0123456789abcdef"[data[i] & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("SHA-256 of abc is what FIPS 180 says") {
  REQUIRE(crypto::start() == Status::ok);
  std::uint8_t hash[32];
  REQUIRE(crypto::sha256("abc", 3, hash) == Status::ok);
  CHECK(hex(hash, 32) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("AES-256-GCM matches the published vector and leaves nothing behind on failure") {
  const std::uint8_t key[32] = {};
  const std::uint8_t nonce[12] = {};
  const std::uint8_t plain[16] = {};
  std::uint8_t out[32];
  std::size_t length = 0;
  REQUIRE(crypto::gcmEncrypt(key, nonce, {}, {plain, 16}, out, sizeof out, length) == Status::ok);
  CHECK(hex(out, length) == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  std::uint8_t back[16];
  std::memset(back, 0xEE, sizeof back);
  out[3] ^= 1;
  CHECK(crypto::gcmDecrypt(key, nonce, {}, {out, 32}, back, sizeof back, length) == Status::crypto_failed);
  CHECK(length == 0);
  for (const std::uint8_t byte : back) CHECK(byte == 0);
}

TEST_CASE("comparison sees every difference") {
  std::uint8_t a[32] = {1, 2, 3};
  std::uint8_t b[32] = {1, 2, 3};
  CHECK(crypto::equalConstantTime(a, b, 32));
  for (unsigned bit = 0; bit < 256; ++bit) {
    b[bit / 8] = static_cast<std::uint8_t>(b[bit / 8] ^ (1U << (bit % 8)));
    CHECK_FALSE(crypto::equalConstantTime(a, b, 32));
    b[bit / 8] = static_cast<std::uint8_t>(b[bit / 8] ^ (1U << (bit % 8)));
  }
}

TEST_CASE("a sealed blob opens under its own name only, whole only") {
  fakes::FakeSystem system;
  fakes::FakeRandom random;
  crypto::Sealer sealer(system, random);
  const std::string secret = "wifi password";
  std::uint8_t sealed[128];
  std::uint8_t out[128];
  std::size_t sealedLength = 0;
  std::size_t length = 0;
  const crypto::Bytes plain{reinterpret_cast<const std::uint8_t*>(secret.data()), secret.size()};
  REQUIRE(sealer.seal("set.a", plain, sealed, sizeof sealed, sealedLength) == Status::ok);
  CHECK(std::string(sealed, sealed + sealedLength).find("wifi") == std::string::npos);
  REQUIRE(sealer.open("set.a", {sealed, sealedLength}, out, sizeof out, length) == Status::ok);
  CHECK(std::string(out, out + length) == secret);
  CHECK(sealer.open("set.b", {sealed, sealedLength}, out, sizeof out, length) == Status::corrupt);
  for (std::size_t cut = 0; cut < sealedLength; ++cut) {
    CHECK(sealer.open("set.a", {sealed, cut}, out, sizeof out, length) == Status::corrupt);
  }
  for (std::size_t i = 0; i < sealedLength; ++i) {
    sealed[i] ^= 0x40;
    CHECK(sealer.open("set.a", {sealed, sealedLength}, out, sizeof out, length) == Status::corrupt);
    sealed[i] ^= 0x40;
  }
  system.keyWorks = false;
  CHECK(sealer.seal("set.a", plain, sealed, sizeof sealed, sealedLength) == Status::crypto_failed);
}

TEST_CASE("an RSA key of the wrong size or form is not taken") {
  crypto::RsaKey key;
  const std::uint8_t junk[] = {0x30, 0x03, 0x02, 0x01, 0x00};
  CHECK(key.load({junk, sizeof junk}) != Status::ok);
  CHECK_FALSE(key.loaded());
  envelopes::Bytes small(2432);
  std::size_t length = 0;
  REQUIRE(crypto::RsaKey::generate(1024, small.data(), small.size(), length) == Status::ok);
  CHECK(key.load({small.data(), length}) == Status::invalid_value);
  CHECK_FALSE(key.loaded());
}

TEST_CASE("a JWS written here is read and verified, and not once a bit has changed") {
  crypto::RsaKey key;
  const auto& der = envelopes::doorKeyDer();
  REQUIRE(key.load({der.data(), der.size()}) == Status::ok);
  const auto publicDer = envelopes::publicDerOf(der);
  char text[2048];
  std::size_t length = 0;
  REQUIRE(writeJws(key, "openlock-proof+jws", "the-kid", R"({"door":"x"})", text, sizeof text, length) == Status::ok);
  Workspace readerSpace;
  JwsReader reader(readerSpace);
  REQUIRE(reader.read({text, length}, "RS256", "openlock-proof+jws") == Status::ok);
  CHECK(reader.kid() == "the-kid");
  CHECK(reader.payload() == R"({"door":"x"})");
  CHECK(reader.verifyRs256({publicDer.data(), publicDer.size()}) == Status::ok);
  CHECK(reader.verifyEs256({publicDer.data(), 65}) != Status::ok);
  CHECK(reader.read({text, length}, "ES256", "openlock-proof+jws") == Status::malformed);
  CHECK(reader.read({text, length}, "RS256", "openlock-release+jws") == Status::malformed);
  std::string damaged(text, length);
  const std::size_t payloadAt = damaged.find('.') + 3;
  damaged[payloadAt] = damaged[payloadAt] == 'A' ? 'B' : 'A';
  if (reader.read(damaged, "RS256", "openlock-proof+jws") == Status::ok) {
    CHECK(reader.verifyRs256({publicDer.data(), publicDer.size()}) != Status::ok);
  }
  CHECK(writeJws(key, "t", "k", "{}", text, 40, length) == Status::too_big);
}

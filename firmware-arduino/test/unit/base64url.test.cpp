#include "base/base64url.h"

#include <doctest/doctest.h>

#include <string>

#include "support/envelopes.h"

using namespace esplock;

TEST_CASE("base64url gives back what it was given, for every length") {
  envelopes::Bytes bytes;
  for (unsigned i = 0; i < 70; ++i) {
    const std::string text = envelopes::encode(bytes);
    CHECK(text.size() == base64url::encodedLength(bytes.size()));
    CHECK(envelopes::decode(text) == bytes);
    CHECK(base64url::isCanonical(text));
    bytes.push_back(static_cast<std::uint8_t>(i * 37 + 200));
  }
}

TEST_CASE("base64url refuses every second spelling of a value") {
  std::uint8_t out[16];
  std::size_t length = 0;
  for (const char* text : {"QQ==", "QQ=", "QR", "Q", "QUJ", "QUI+", "QU/C", "Q Q", "QQ\n", " QQ", "QQQQQ", "QU\xC3\xA4"}) {
    CAPTURE(text);
    CHECK(base64url::decode(text, out, sizeof out, length) == Status::malformed);
  }
  CHECK(base64url::decode("QQ", out, sizeof out, length) == Status::ok);
  CHECK(base64url::decode("", out, sizeof out, length) == Status::ok);
  CHECK(length == 0);
}

TEST_CASE("base64url does not write past its buffer") {
  std::uint8_t out[3];
  std::size_t length = 0;
  CHECK(base64url::decode("QUJD", out, 3, length) == Status::ok);
  CHECK(base64url::decode("QUJDRA", out, 3, length) == Status::too_big);
  char text[3];
  CHECK(base64url::encode(out, 3, text, sizeof text, length) == Status::too_big);
}

TEST_CASE("of all spellings of the last character exactly one is canonical") {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  int good = 0;
  for (const char c : alphabet) good += base64url::isCanonical(std::string("A") + c) ? 1 : 0;
  CHECK(good == 4);
  good = 0;
  for (const char c : alphabet) good += base64url::isCanonical(std::string("AA") + c) ? 1 : 0;
  CHECK(good == 16);
}

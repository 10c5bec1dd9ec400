#include "jose/envelope.h"

#include <doctest/doctest.h>

#include <string>

#include "support/envelopes.h"
#include "support/fakes.h"

using namespace esplock;
using envelopes::Spec;

namespace {

struct Opener {
  fakes::FakeRandom random;
  crypto::RsaKey key;
  Workspace workspace;
  EnvelopeOpener opener{random, workspace};
  std::string kid = envelopes::kidOf(envelopes::doorKeyDer());
  Opener() {
    const auto& der = envelopes::doorKeyDer();
    key.load({der.data(), der.size()});
  }
  Status open(const std::string& jwe) { return opener.open(jwe, key, kid); }
  std::string header(const std::string& extra = "", const std::string& kidText = "") {
    return R"({"alg":"RSA-OAEP-256","enc":"A256GCM","typ":"openlock-command+jwe","kid":")" +
           (kidText.empty() ? kid : kidText) +
           R"(","door":"front-door","scope":"operate","iat":1800000000000,"jti":"AAAAAAAAAAAAAAAAAAAAAA")" + extra + "}";
  }
  Status openWith(const std::string& headerText) {
    Spec spec;
    spec.header = headerText;
    return open(envelopes::make(spec).jwe);
  }
};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

}  // namespace

TEST_CASE("a good envelope opens and tells what its header says") {
  Opener fixture;
  Spec spec;
  spec.iatMs = 1'800'000'000'123;
  spec.scope = "configure";
  spec.jti = envelopes::Bytes(16, 0xAB);
  REQUIRE(fixture.open(envelopes::make(spec).jwe) == Status::ok);
  CHECK(fixture.opener.header().iatMs == 1'800'000'000'123);
  CHECK(fixture.opener.header().scope == Scope::configure);
  CHECK(std::string(fixture.opener.header().door) == "front-door");
  CHECK(fixture.opener.header().jti[15] == 0xAB);
  CHECK(fixture.opener.plain().substr(0, 15) == R"({"act":"unlock")");
  fixture.opener.wipe();
  CHECK(fixture.opener.plain().empty());
}

TEST_CASE("the protected header holds exactly the members of protocol 6.1") {
  Opener fixture;
  const std::string good = fixture.header();
  CHECK(fixture.openWith(good) == Status::ok);
  for (const char* extra : {R"(,"zip":"DEF")", R"(,"crit":["x"])", R"(,"jku":"https://x")", R"(,"jwk":{})",
                            R"(,"x5c":[])", R"(,"x5u":"")", R"(,"cty":"a")", R"(,"alg":"RSA-OAEP-256")"}) {
    CAPTURE(extra);
    CHECK(fixture.openWith(fixture.header(extra)) == Status::crypto_failed);
  }
  for (const auto& change : {std::pair{"RSA-OAEP-256", "RSA-OAEP"}, std::pair{"RSA-OAEP-256", "RSA1_5"},
                             std::pair{"A256GCM", "A128GCM"}, std::pair{"openlock-command+jwe", "JWE"},
                             std::pair{"operate", "admin"}, std::pair{"1800000000000", "\"1800000000000\""},
                             std::pair{"1800000000000", "-1"}, std::pair{"1800000000000", "1.8e12"},
                             std::pair{"AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB"},
                             std::pair{"AAAAAAAAAAAAAAAAAAAAAA", "AAAA"}, std::pair{"\"scope\"", "\"Scope\""},
                             std::pair{",\"door\"", ", \"door\""}, std::pair{"front-door", "front\\u002ddoor"},
                             std::pair{"\"jti\":\"AAAAAAAAAAAAAAAAAAAAAA\"", "\"jti\":null"}}) {
    CAPTURE(change.second);
    CHECK(fixture.openWith(replaced(good, change.first, change.second)) == Status::crypto_failed);
  }
  CHECK(fixture.openWith(fixture.header("", std::string(43, 'A'))) == Status::crypto_failed);
}

TEST_CASE("members of the header may stand in any order") {
  Opener fixture;
  CHECK(fixture.openWith(R"({"jti":"AAAAAAAAAAAAAAAAAAAAAA","iat":1,"scope":"query","door":"x","kid":")" + fixture.kid +
                         R"(","typ":"openlock-command+jwe","enc":"A256GCM","alg":"RSA-OAEP-256"})") == Status::ok);
}

TEST_CASE("whatever is wrong before authentication, the answer is the same") {
  Opener fixture;
  const std::string good = envelopes::make(Spec{}).jwe;
  REQUIRE(fixture.open(good) == Status::ok);
  CHECK(fixture.open("") == Status::crypto_failed);
  CHECK(fixture.open("....") == Status::crypto_failed);
  CHECK(fixture.open(good + ".") == Status::crypto_failed);
  CHECK(fixture.open(good + "=") == Status::crypto_failed);
  CHECK(fixture.open(" " + good) == Status::crypto_failed);
  CHECK(fixture.open(std::string(4097, 'A')) == Status::crypto_failed);
  for (int part = 0; part < 5; ++part) {
    std::size_t at = 0;
    for (int i = 0; i < part; ++i) at = good.find('.', at) + 1;
    std::string damaged = good;
    damaged[at + 2] = damaged[at + 2] == 'A' ? 'B' : 'A';
    CAPTURE(part);
    CHECK(fixture.open(damaged) == Status::crypto_failed);
    CHECK(fixture.opener.plain().empty());
    std::string shorter = good;
    shorter.erase(at, 4);
    CHECK(fixture.open(shorter) == Status::crypto_failed);
  }
}

TEST_CASE("a content key of another length fails like any other (RFC 7516 11.5)") {
  Opener fixture;
  for (const std::size_t length : {std::size_t{16}, std::size_t{31}, std::size_t{33}, std::size_t{48}}) {
    Spec spec;
    spec.contentKey = envelopes::Bytes(length, 7);
    CHECK(fixture.open(envelopes::make(spec).jwe) == Status::crypto_failed);
  }
}

TEST_CASE("an envelope of full length fits, one character more does not") {
  Opener fixture;
  Spec spec;
  spec.plain = R"({"act":"x","pad":")";
  const std::size_t overhead = envelopes::make(spec).jwe.size();
  spec.plain += std::string((EnvelopeOpener::maxChars - overhead) * 3 / 4 - 4, '.') + "\"}";
  const std::string jwe = envelopes::make(spec).jwe;
  CHECK(jwe.size() > EnvelopeOpener::maxChars - 8);
  CHECK(jwe.size() <= EnvelopeOpener::maxChars);
  CHECK(fixture.open(jwe) == Status::ok);
}

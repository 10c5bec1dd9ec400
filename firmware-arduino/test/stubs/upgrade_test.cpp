// How a connection fails, is refused and ends: what the library does with it, and what the core is told.
#include "chip.h"
#include "net.h"
#include "net/tls.h"

using chip::Chip;
using chip::setUp;
using esplock::SessionState;
using net::ChannelEvent;
using net::ChannelEventKind;
using net::CloseReason;
using net::Net;
using net::PostAnswer;
using net::PostState;
using net::Refusal;
using net::Step;
using net::TransportError;

namespace {

ChannelEvent refusedWith(Net& net, int status, bool saysUpgrade = false) {
  net.next(2);
  stub::world().steps = {{Step::upgrade, status, "", saysUpgrade}};
  REQUIRE(net.transport.open(net.request()));
  return net.next();
}

/// The relay, of which one thing is counted.
struct Registrations {
  int count = 0;
  explicit Registrations(Chip& chip) {
    chip.relayAnswers();
    const auto answer = stub::world().http;
    stub::world().http = [this, answer](const std::string& path, const std::string& body) {
      count += path == "/v1/devices/register" ? 1 : 0;
      return answer(path, body);
    };
  }
};

/// Turns until the door has done with what the relay does at its next upgrades.
void runUpgrades(Chip& chip, const std::vector<stub::SocketStep>& upgrades) {
  for (const stub::SocketStep& upgrade : upgrades) {
    stub::world().steps = {upgrade};
    for (int i = 0; i < 20'000 && !stub::world().steps.empty(); ++i) chip.run(1);
    REQUIRE(stub::world().steps.empty());
    chip.run(5);
  }
}

}  // namespace

TEST_CASE("a refused upgrade tells its status, in both of the library's ways to say it") {
  Net net;
  const struct {
    int status;
    Refusal refusal;
  } cases[] = {{401, Refusal::credentials}, {403, Refusal::door}, {429, Refusal::other}, {503, Refusal::other}};
  for (const auto& one : cases) {
    for (const bool saysUpgrade : {false, true}) {
      const ChannelEvent event = refusedWith(net, one.status, saysUpgrade);
      CHECK(event.kind == ChannelEventKind::refused);
      CHECK(event.refusal == one.refusal);
      CHECK(event.detail == one.status);
      CHECK(event.error == TransportError::none);
    }
  }
}

TEST_CASE("an upgrade without the subprotocol is refused, and one to which nobody answers times out") {
  Net net;
  for (const char* selected : {"", "chat"}) {
    net.next(2);
    stub::world().steps = {{Step::upgrade, 101, selected}};
    REQUIRE(net.transport.open(net.request()));
    const ChannelEvent event = net.next();
    CHECK(event.kind == ChannelEventKind::refused);
    CHECK(event.refusal == Refusal::no_answer);
    CHECK(event.error == TransportError::protocol);
  }
  net.next(2);
  REQUIRE(net.transport.open(net.request()));
  const ChannelEvent silent = net.next(600);
  CHECK(silent.refusal == Refusal::no_answer);
  CHECK(silent.error == TransportError::timeout);
  net.next(2);
  stub::world().steps = {{Step::cut, 0, ""}};
  REQUIRE(net.transport.open(net.request()));
  const ChannelEvent cut = net.next();
  CHECK(cut.refusal == Refusal::no_answer);
  CHECK(cut.error == TransportError::unreachable);
}

TEST_CASE("the relay's close code is told, though the library forgets it") {
  const struct {
    int code;
    CloseReason reason;
  } cases[] = {{4001, CloseReason::superseded}, {4002, CloseReason::session_ended}, {4003, CloseReason::disabled},
               {1001, CloseReason::going_away}, {0, CloseReason::unknown}};
  for (const auto& one : cases) {
    Net net;
    net.open();
    stub::world().steps = {{Step::text, 0, "{}"}, {Step::close, one.code, ""}};
    CHECK(net.next().kind == ChannelEventKind::text);
    const ChannelEvent event = net.next();
    CHECK(event.kind == ChannelEventKind::closed);
    CHECK(event.reason == one.reason);
  }
}

TEST_CASE("no pointer to a client certificate is followed that nobody has set") {
  Net net;
  net.open();
  stub::world().steps = {{Step::cut, 0, ""}};
  CHECK(net.next().kind == ChannelEventKind::closed);
  net.open();
  CHECK(stub::world().connects == 2);
  CHECK(stub::world().wildPointers == 0);
}

TEST_CASE("a handshake that does not end costs ten seconds, of POST and socket alike") {
  Net net;
  stub::world().handshakeTakesMs = 200'000;
  REQUIRE(net.transport.open(net.request()));
  const std::uint64_t before = stub::world().nowMs;
  net.task.turn();
  CHECK(stub::world().nowMs - before <= 10'100);
  CHECK(net.next().kind == ChannelEventKind::refused);
  net.next(2);
  PostAnswer answer;
  CHECK(net.post(answer) == PostState::failed);
  CHECK(stub::world().handshakeSeconds == std::vector<unsigned long>{10, 10});
}

TEST_CASE("out of memory is told as that, of POST and socket") {
  Net net;
  stub::world().connectError = -0x7F00;   // MBEDTLS_ERR_SSL_ALLOC_FAILED
  REQUIRE(net.transport.open(net.request()));
  const ChannelEvent event = net.next();
  CHECK(event.refusal == Refusal::no_answer);
  CHECK(event.error == TransportError::out_of_memory);
  net.next(2);
  PostAnswer answer;
  CHECK(net.post(answer) == PostState::failed);
  CHECK(answer.error == TransportError::out_of_memory);
  stub::world().connectError = 0;
  stub::world().http = [](const std::string&, const std::string&) { return stub::HttpAnswer{-8, "", 0}; };
  CHECK(net.post(answer) == PostState::failed);   // HTTPC_ERROR_TOO_LESS_RAM
  CHECK(answer.error == TransportError::out_of_memory);
}

TEST_CASE("TLS error codes are told apart as far as they can be") {
  const struct {
    int code;
    TransportError error;
  } cases[] = {
      {-0x2700, TransportError::untrusted},       // X509_CERT_VERIFY_FAILED
      {-0x1080, TransportError::untrusted},       // PEM_NO_HEADER_FOOTER_PRESENT
      {-0x6800, TransportError::timeout},         // SSL_TIMEOUT
      {-0x7F00, TransportError::out_of_memory},   // SSL_ALLOC_FAILED
      {-0x2880, TransportError::out_of_memory},   // X509_ALLOC_FAILED: among the codes of certificates
      {-0x1180, TransportError::out_of_memory},   // PEM_ALLOC_FAILED: likewise
      {-0x21EA, TransportError::out_of_memory},   // X509_INVALID_FORMAT for ASN1_ALLOC_FAILED
      {-0x4290, TransportError::out_of_memory},   // RSA_PUBLIC_FAILED for MPI_ALLOC_FAILED
      {-0x7780, TransportError::unreachable},     // SSL_FATAL_ALERT_MESSAGE
      {-1, TransportError::unreachable},
      {0, TransportError::unreachable},
  };
  for (const auto& one : cases) CHECK(board::tlsErrorOf(one.code) == one.error);
}

TEST_CASE("a token that has run out after 24 hours is replaced by registering, and the door is back") {
  Chip chip;
  chip.type(setUp);
  chip.run(5);
  chip.goLive();
  Registrations registrations(chip);
  const auto welcome = stub::world().steps;
  stub::world().nowMs += 86'400'000;
  stub::world().steps = {{Step::cut, 0, ""}};
  chip.run(5);

  SUBCASE("the relay says 401") { runUpgrades(chip, {{Step::upgrade, 401, ""}}); }
  SUBCASE("it says 403") { runUpgrades(chip, {{Step::upgrade, 403, ""}}); }
  SUBCASE("something in between says nothing, three times") {
    runUpgrades(chip, {{Step::cut, 0, ""}, {Step::cut, 0, ""}});
    CHECK(registrations.count == 0);
    runUpgrades(chip, {{Step::cut, 0, ""}});
  }
  SUBCASE("it is starting and says 503 once: the token still holds") {
    runUpgrades(chip, {{Step::upgrade, 503, ""}});
    stub::world().steps = welcome;
    for (int i = 0; i < 20'000 && chip.board->door().sessionState() != SessionState::live; ++i) chip.run(1);
    CHECK(chip.board->door().sessionState() == SessionState::live);
    CHECK(registrations.count == 0);
    return;
  }
  stub::world().steps = welcome;
  for (int i = 0; i < 20'000 && chip.board->door().sessionState() != SessionState::live; ++i) chip.run(1);
  CHECK(registrations.count == 1);
  CHECK(chip.board->door().sessionState() == SessionState::live);
}

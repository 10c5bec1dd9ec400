// The transport, both sides of its queues turned by hand: what the libraries are told, and what the core is told.
#include <doctest/doctest.h>

#include <algorithm>

#include "net/board_transport.h"
#include "net/tls_error.h"
#include "platform/esp_clock.h"

using esplock::NetworkState;
using esplock::PostAnswer;
using esplock::PostState;
using esplock::SocketEvent;
using esplock::SocketEventKind;
using esplock::TransportError;
using Step = stub::SocketStep::Kind;

namespace {

constexpr char origin[] = "https://relay.example:8443";
const std::string ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

struct Net {
  board::EspClock clock;
  board::WifiStation wifi{clock};
  board::NetworkTask task;
  board::BoardTransport transport{wifi, task, clock};

  Net() {
    stub::reset();
    REQUIRE(task.start());
    transport.setServer(origin, ca);
  }
  esplock::SocketRequest request() const {
    return {"/v1/devices/socket", "token-1", "front-door", "openlock.door.v1"};
  }
  SocketEvent next(int turns = 20) {
    for (int i = 0; i < turns; ++i) {
      const SocketEvent event = transport.pollSocket();
      if (event.kind != SocketEventKind::none) return event;
      task.turn();
    }
    return {};
  }
  void open() {
    stub::world().steps = {{Step::upgrade, 101, "openlock.door.v1"}};
    REQUIRE(transport.openSocket(request()));
    REQUIRE(next().kind == SocketEventKind::opened);
  }
  PostState post(PostAnswer& answer, std::string_view body = "{}") {
    REQUIRE(transport.startPost("/v1/devices/challenge", body));
    CHECK(transport.pollPost(answer) == PostState::pending);
    task.turn();
    return transport.pollPost(answer);
  }
};

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the upgrade carries token, door and subprotocol, and no Origin") {
  Net net;
  net.open();
  const std::string& handshake = stub::world().handshake;
  CHECK(has(handshake, "GET /v1/devices/socket "));
  CHECK(has(handshake, "Host: relay.example:8443\r\n"));
  CHECK(has(handshake, "Authorization: Bearer token-1\r\n"));
  CHECK(has(handshake, "X-OpenLock-Door: front-door\r\n"));
  CHECK(has(handshake, "Sec-WebSocket-Protocol: openlock.door.v1\r\n"));
  CHECK_FALSE(has(handshake, "Origin"));
}

TEST_CASE("every connection has the CA, from a copy that outlives the caller's") {
  Net net;
  {
    std::string shortLived = ca;
    net.transport.setServer(origin, shortLived);
    std::fill(shortLived.begin(), shortLived.end(), '#');
  }
  stub::world().http = [](const std::string&, const std::string&) { return stub::HttpAnswer{200, "{}", 0}; };
  PostAnswer answer;
  CHECK(net.post(answer) == PostState::done);
  net.open();
  REQUIRE(stub::world().caPointers.size() == 2);
  for (const char* pointer : stub::world().caPointers) CHECK(pointer == ca);
  // A change of server while the socket is open leaves the library's PEM as it was.
  net.transport.setServer(origin, "-----BEGIN CERTIFICATE-----\nBBBB");
  CHECK(stub::world().caPointers[1] == ca);
  CHECK(stub::world().setInsecureCalls == 0);
}

TEST_CASE("without a CA, or with something else in its place, nothing is connected at all") {
  for (const char* wrong : {"", "not a certificate"}) {
    Net net;
    net.transport.setServer(origin, wrong);
    PostAnswer answer;
    CHECK(net.post(answer) == PostState::failed);
    CHECK(answer.error == TransportError::untrusted);
    REQUIRE(net.transport.openSocket(net.request()));
    const SocketEvent event = net.next();
    CHECK(event.kind == SocketEventKind::refused);
    CHECK(event.error == TransportError::untrusted);
    CHECK(stub::world().connects == 0);
    CHECK(stub::world().setInsecureCalls == 0);
  }
}

TEST_CASE("an address that is no https origin leaves no server") {
  Net net;
  net.transport.setServer("http://relay.example", ca);
  REQUIRE(net.transport.openSocket(net.request()));
  CHECK(net.next().kind == SocketEventKind::refused);
  CHECK(stub::world().connects == 0);
}

TEST_CASE("a failed connection is told once, with its cause, and not tried again by the library") {
  Net net;
  stub::world().connectError = -0x2700;   // MBEDTLS_ERR_X509_CERT_VERIFY_FAILED
  REQUIRE(net.transport.openSocket(net.request()));
  const SocketEvent event = net.next();
  CHECK(event.kind == SocketEventKind::refused);
  CHECK(event.error == TransportError::untrusted);
  CHECK(event.httpStatus == 0);
  stub::world().connectError = 0;
  for (int i = 0; i < 1000; ++i) net.task.turn();
  CHECK(net.next().kind == SocketEventKind::none);
  CHECK(stub::world().connects == 1);
  net.open();   // only when the core asks
  CHECK(stub::world().connects == 2);
}

TEST_CASE("the first connection does not wait for the library's reconnect interval") {
  Net net;
  stub::world().nowMs = 3;
  net.open();
}

TEST_CASE("a refused upgrade tells its status; one without the subprotocol is refused") {
  Net net;
  stub::world().steps = {{Step::upgrade, 401, ""}};
  REQUIRE(net.transport.openSocket(net.request()));
  SocketEvent event = net.next();
  CHECK(event.kind == SocketEventKind::refused);
  CHECK(event.httpStatus == 401);
  CHECK(event.error == TransportError::none);
  for (const char* selected : {"", "chat"}) {
    net.next(2);
    stub::world().steps = {{Step::upgrade, 101, selected}};
    REQUIRE(net.transport.openSocket(net.request()));
    event = net.next();
    CHECK(event.kind == SocketEventKind::refused);
    CHECK(event.error == TransportError::protocol);
    CHECK(event.httpStatus == 0);
  }
}

TEST_CASE("frames come one by one, whole and in order, and the end comes last") {
  Net net;
  net.open();
  const std::string longest(8192, 'x');
  stub::world().steps = {{Step::text, 0, "one"}, {Step::text, 0, longest}, {Step::close, 0, ""}};
  SocketEvent event = net.next();
  CHECK(event.kind == SocketEventKind::text);
  CHECK(event.data == "one");
  CHECK(net.next().data == longest);
  event = net.next();
  CHECK(event.kind == SocketEventKind::closed);
  CHECK(event.closeCode == 1005);
  CHECK(net.next().kind == SocketEventKind::none);
  net.open();
  stub::world().steps = {{Step::cut, 0, ""}};
  CHECK(net.next().closeCode == 1006);
}

TEST_CASE("a frame over 8 KiB closes with 1009, a fragment with 1003") {
  Net net;
  net.open();
  stub::world().steps = {{Step::text, 0, std::string(8193, 'x')}};
  CHECK(net.next().kind == SocketEventKind::closed);
  net.open();
  stub::world().steps = {{Step::fragment, 0, "{"}};
  CHECK(net.next().kind == SocketEventKind::closed);
  CHECK(stub::world().closeCodes == std::vector<int>{1009, 1003});
}

TEST_CASE("a door that does not read ends the socket, not the memory") {
  Net net;
  net.open();
  for (int i = 0; i < 3; ++i) stub::world().steps.push_back({Step::text, 0, "frame"});
  for (int i = 0; i < 10; ++i) net.task.turn();
  CHECK(stub::world().closeCodes == std::vector<int>{1011});
  CHECK(net.next().kind == SocketEventKind::closed);
}

TEST_CASE("what is queued goes out in order before the close, and a full queue says so") {
  Net net;
  CHECK_FALSE(net.transport.sendText("too early"));
  net.open();
  CHECK_FALSE(net.transport.sendText(std::string(2049, 'x')));
  int queued = 0;
  while (queued < 100 && net.transport.sendText(std::string(2000, static_cast<char>('a' + queued)))) ++queued;
  CHECK(queued == 3);
  net.transport.closeSocket(1001);
  CHECK_FALSE(net.transport.sendText("too late"));
  CHECK(net.next().kind == SocketEventKind::closed);
  REQUIRE(stub::world().sent.size() == 3);
  CHECK(stub::world().sent[0][0] == 'a');
  CHECK(stub::world().sent[2][0] == 'c');
  CHECK(stub::world().closeCodes == std::vector<int>{1001});
}

TEST_CASE("frames left from a lost socket are not sent on the next") {
  Net net;
  net.open();
  REQUIRE(net.transport.sendText("of the old socket"));
  stub::world().steps = {{Step::cut, 0, ""}};
  CHECK(net.next().kind == SocketEventKind::closed);
  net.open();
  net.next(5);
  CHECK(stub::world().sent.empty());
}

TEST_CASE("a network task stuck in the library costs the core ten seconds at most, and two when closing") {
  Net net;
  REQUIRE(net.transport.openSocket(net.request()));
  CHECK(net.transport.pollSocket().kind == SocketEventKind::none);
  stub::world().nowMs += 10'000;
  const SocketEvent event = net.transport.pollSocket();
  CHECK(event.kind == SocketEventKind::refused);
  CHECK(event.error == TransportError::timeout);
  CHECK(net.transport.pollSocket().kind == SocketEventKind::none);
  for (int i = 0; i < 20; ++i) net.task.turn();
  CHECK(stub::world().connects == 0);   // given up before it was begun
  net.open();
  net.transport.closeSocket(1000);
  stub::world().nowMs += 2'000;
  CHECK(net.transport.pollSocket().kind == SocketEventKind::closed);
  CHECK_FALSE(net.transport.openSocket(net.request()));   // the old one still has to come back
  stub::world().steps = {{Step::text, 0, "late"}};
  for (int i = 0; i < 20; ++i) {
    net.task.turn();
    CHECK(net.transport.pollSocket().kind == SocketEventKind::none);
  }
  net.open();
}

TEST_CASE("an upgrade given up while the library connects ends in `refused`, and later events go nowhere") {
  Net net;
  REQUIRE(net.transport.openSocket(net.request()));
  net.task.turn();   // connected, upgrade sent
  net.transport.closeSocket(1001);
  const SocketEvent event = net.next();
  CHECK(event.kind == SocketEventKind::refused);
  net.next(3);
  net.open();
}

TEST_CASE("header injection from settings or answers is refused before it is sent") {
  Net net;
  esplock::SocketRequest request = net.request();
  request.bearer = "token\r\nX-Evil: 1";
  CHECK_FALSE(net.transport.openSocket(request));
  CHECK_FALSE(net.transport.startPost("/a\r\nb", "{}"));
}

TEST_CASE("a POST brings status and body; an answer over 4 KiB is too big") {
  Net net;
  std::string seen;
  stub::world().http = [&seen](const std::string& path, const std::string& body) {
    seen = path + " " + body;
    return stub::HttpAnswer{401, R"({"code":"unauthenticated"})", 0};
  };
  PostAnswer answer;
  CHECK(net.post(answer, R"({"doorId":"front-door"})") == PostState::done);
  CHECK(seen == R"(/v1/devices/challenge {"doorId":"front-door"})");
  CHECK(answer.httpStatus == 401);
  CHECK(answer.body == R"({"code":"unauthenticated"})");
  CHECK(net.transport.pollPost(answer) == PostState::idle);
  CHECK(stub::world().handshakeSeconds == std::vector<unsigned long>{8});

  stub::world().http = [](const std::string&, const std::string&) {
    return stub::HttpAnswer{200, std::string(4097, 'x'), 0};
  };
  CHECK(net.post(answer) == PostState::failed);
  CHECK(answer.error == TransportError::too_big);
  stub::world().http = [](const std::string&, const std::string&) { return stub::HttpAnswer{-1, "", -0x2700}; };
  CHECK(net.post(answer) == PostState::failed);
  CHECK(answer.error == TransportError::untrusted);
  CHECK(stub::world().setInsecureCalls == 0);
}

TEST_CASE("a POST given up does not answer the next one") {
  Net net;
  stub::world().http = [](const std::string&, const std::string&) { return stub::HttpAnswer{200, "old", 0}; };
  REQUIRE(net.transport.startPost("/a", "{}"));
  net.task.turn();
  net.transport.cancelPost();
  stub::world().http = [](const std::string&, const std::string&) { return stub::HttpAnswer{200, "new", 0}; };
  PostAnswer answer;
  CHECK(net.post(answer) == PostState::done);
  CHECK(answer.body == "new");
  REQUIRE(net.transport.startPost("/a", "{}"));
  stub::world().nowMs += 10'000;
  CHECK(net.transport.pollPost(answer) == PostState::failed);
  CHECK(answer.error == TransportError::timeout);
}

TEST_CASE("WiFi keeps the radio on, its secrets out of the default NVS, and tries again by itself") {
  Net net;
  REQUIRE(net.wifi.begin());
  CHECK_FALSE(stub::world().wifiPersistent);
  CHECK(net.transport.networkState() == NetworkState::down);
  net.transport.joinNetwork("home", "secret12");
  CHECK(net.transport.networkState() == NetworkState::joining);
  stub::world().nowMs += 30'000;
  CHECK(net.transport.networkState() == NetworkState::joining);
  CHECK(stub::world().wifiJoins == std::vector<std::string>{"home/secret12", "home/secret12"});
  int dbm = 0;
  CHECK_FALSE(net.transport.rssi(dbm));
  stub::world().wifiStatus = 3;
  CHECK(net.transport.networkState() == NetworkState::up);
  CHECK(net.transport.rssi(dbm));
  net.transport.joinNetwork("open", "");
  CHECK(stub::world().wifiJoins.back() == "open/(open)");
  net.transport.joinNetwork("", "");
  CHECK(net.transport.networkState() == NetworkState::down);
  CHECK_FALSE(stub::world().radioEverOff);
}

TEST_CASE("TLS error codes are told apart as far as they can be") {
  CHECK(board::tlsErrorOf(-0x2700) == TransportError::untrusted);
  CHECK(board::tlsErrorOf(-0x1080) == TransportError::untrusted);
  CHECK(board::tlsErrorOf(-0x6800) == TransportError::timeout);
  CHECK(board::tlsErrorOf(-1) == TransportError::unreachable);
  CHECK(board::tlsErrorOf(0) == TransportError::unreachable);
}

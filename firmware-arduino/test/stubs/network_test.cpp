// The transport, both sides of its queues turned by hand: what the libraries are told, and what the core is told.
#include <doctest/doctest.h>

#include <algorithm>

#include "net.h"

using net::ca;
using net::ChannelEvent;
using net::ChannelEventKind;
using net::has;
using net::Net;
using net::NetworkState;
using net::PostAnswer;
using net::PostState;
using net::Step;
using net::TransportError;

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
  stub::world().http = [](const std::string&, const std::string&) { return stub::HttpAnswer{200, "{}", 0}; };
  PostAnswer answer;
  CHECK(net.post(answer) == PostState::done);
  stub::world().steps = {{Step::upgrade, 101, "openlock.door.v1"}};
  REQUIRE(net.transport.open(net.request()));
  std::fill(net.caPem.begin(), net.caPem.end(), '#');
  REQUIRE(net.next().kind == ChannelEventKind::opened);
  CHECK(stub::world().cas == std::vector<std::string>{ca, ca});
  // While the socket is there another job is not taken: body and CA would lie where its frames do.
  net.caPem = "-----BEGIN CERTIFICATE-----\nBBBB";
  CHECK_FALSE(net.transport.startPost(net.relay(), "/v1/devices/challenge", "{}"));
  CHECK_FALSE(net.transport.open(net.request()));
  CHECK(stub::world().setInsecureCalls == 0);
}

TEST_CASE("the longest body, CA and answer do not get into each other's way, nor the longest frame after them") {
  Net net;
  net.caPem = ca + std::string(4096 - ca.size(), '\n');
  const std::string body(4096, 'b');
  std::string seen;
  stub::world().http = [&seen](const std::string&, const std::string& sent) {
    seen = sent;
    return stub::HttpAnswer{200, std::string(4096, 'a'), 0};
  };
  PostAnswer answer;
  CHECK(net.post(answer, body) == PostState::done);
  CHECK(seen == body);
  CHECK(answer.body == std::string(4096, 'a'));
  net.open();
  CHECK(stub::world().cas == std::vector<std::string>{net.caPem, net.caPem});
  stub::world().steps = {{Step::text, 0, std::string(8192, 'x')}};
  CHECK(net.next().data == std::string(8192, 'x'));
}

TEST_CASE("without a CA, or with something else in its place, nothing is connected at all") {
  for (const char* wrong : {"", "not a certificate"}) {
    Net net;
    net.caPem = wrong;
    PostAnswer answer;
    CHECK(net.post(answer) == PostState::failed);
    CHECK(answer.error == TransportError::untrusted);
    REQUIRE(net.transport.open(net.request()));
    const ChannelEvent event = net.next();
    CHECK(event.kind == ChannelEventKind::refused);
    CHECK(event.error == TransportError::untrusted);
    CHECK(stub::world().connects == 0);
    CHECK(stub::world().setInsecureCalls == 0);
  }
}

TEST_CASE("an address that is no https origin leaves no server") {
  Net net;
  net.address = "http://relay.example";
  REQUIRE(net.transport.open(net.request()));
  CHECK(net.next().kind == ChannelEventKind::refused);
  CHECK(stub::world().connects == 0);
}

TEST_CASE("a failed connection is told once, with its cause, and not tried again by the library") {
  Net net;
  stub::world().connectError = -0x2700;   // MBEDTLS_ERR_X509_CERT_VERIFY_FAILED
  REQUIRE(net.transport.open(net.request()));
  const ChannelEvent event = net.next();
  CHECK(event.kind == ChannelEventKind::refused);
  CHECK(event.error == TransportError::untrusted);
  CHECK(event.detail == 0);
  stub::world().connectError = 0;
  for (int i = 0; i < 1000; ++i) net.task.turn();
  CHECK(net.next().kind == ChannelEventKind::none);
  CHECK(stub::world().connects == 1);
  net.open();   // only when the core asks
  CHECK(stub::world().connects == 2);
}

TEST_CASE("the first connection does not wait for the library's reconnect interval") {
  Net net;
  stub::world().nowMs = 3;
  net.open();
}

TEST_CASE("frames come one by one, whole and in order, and the end comes last") {
  Net net;
  net.open();
  const std::string longest(8192, 'x');
  stub::world().steps = {{Step::text, 0, "one"}, {Step::text, 0, longest}, {Step::close, 0, ""}};
  ChannelEvent event = net.next();
  CHECK(event.kind == ChannelEventKind::text);
  CHECK(event.data == "one");
  CHECK(net.next().data == longest);
  event = net.next();
  CHECK(event.kind == ChannelEventKind::closed);
  CHECK(event.detail == 1005);
  CHECK(net.next().kind == ChannelEventKind::none);
  net.open();
  stub::world().steps = {{Step::cut, 0, ""}};
  CHECK(net.next().detail == 1006);
}

TEST_CASE("a frame over 8 KiB closes with 1009, a fragment with 1003") {
  Net net;
  net.open();
  stub::world().steps = {{Step::text, 0, std::string(8193, 'x')}};
  CHECK(net.next().kind == ChannelEventKind::closed);
  net.open();
  stub::world().steps = {{Step::fragment, 0, "{"}};
  CHECK(net.next().kind == ChannelEventKind::closed);
  CHECK(stub::world().closeCodes == std::vector<int>{1009, 1003});
}

TEST_CASE("a door that does not read ends the socket, not the memory") {
  Net net;
  net.open();
  for (int i = 0; i < 3; ++i) stub::world().steps.push_back({Step::text, 0, "frame"});
  for (int i = 0; i < 10; ++i) net.task.turn();
  CHECK(stub::world().closeCodes == std::vector<int>{1011});
  CHECK(net.next().kind == ChannelEventKind::closed);
}

TEST_CASE("what is queued goes out in order before the close, and a full queue says so") {
  Net net;
  CHECK_FALSE(net.transport.sendText("too early"));
  net.open();
  CHECK_FALSE(net.transport.sendText(std::string(2049, 'x')));
  int queued = 0;
  while (queued < 100 && net.transport.sendText(std::string(2000, static_cast<char>('a' + queued)))) ++queued;
  CHECK(queued == 2);
  net.transport.close(esplock::CloseReason::going_away);
  CHECK_FALSE(net.transport.sendText("too late"));
  CHECK(net.next().kind == ChannelEventKind::closed);
  REQUIRE(stub::world().sent.size() == 2);
  CHECK(stub::world().sent[0][0] == 'a');
  CHECK(stub::world().sent[1][0] == 'b');
  CHECK(stub::world().closeCodes == std::vector<int>{1001});
}

TEST_CASE("frames left from a lost socket are not sent on the next") {
  Net net;
  net.open();
  REQUIRE(net.transport.sendText("of the old socket"));
  stub::world().steps = {{Step::cut, 0, ""}};
  CHECK(net.next().kind == ChannelEventKind::closed);
  net.open();
  net.next(5);
  CHECK(stub::world().sent.empty());
}

TEST_CASE("a network task stuck in the library costs the core ten seconds at most, and two when closing") {
  Net net;
  REQUIRE(net.transport.open(net.request()));
  CHECK(net.transport.poll().kind == ChannelEventKind::none);
  stub::world().nowMs += 10'000;
  const ChannelEvent event = net.transport.poll();
  CHECK(event.kind == ChannelEventKind::refused);
  CHECK(event.error == TransportError::timeout);
  CHECK(net.transport.poll().kind == ChannelEventKind::none);
  for (int i = 0; i < 20; ++i) net.task.turn();
  CHECK(stub::world().connects == 0);   // given up before it was begun
  net.open();
  net.transport.close(esplock::CloseReason::done);
  stub::world().nowMs += 2'000;
  CHECK(net.transport.poll().kind == ChannelEventKind::closed);
  CHECK_FALSE(net.transport.open(net.request()));   // the old one still has to come back
  stub::world().steps = {{Step::text, 0, "late"}};
  for (int i = 0; i < 20; ++i) {
    net.task.turn();
    CHECK(net.transport.poll().kind == ChannelEventKind::none);
  }
  net.open();
}

TEST_CASE("an upgrade given up while the library connects ends in `refused`, and later events go nowhere") {
  Net net;
  REQUIRE(net.transport.open(net.request()));
  net.task.turn();   // connected, upgrade sent
  net.transport.close(esplock::CloseReason::going_away);
  const ChannelEvent event = net.next();
  CHECK(event.kind == ChannelEventKind::refused);
  net.next(3);
  net.open();
}

TEST_CASE("header injection from settings or answers is refused before it is sent") {
  Net net;
  esplock::ChannelRequest request = net.request();
  request.bearer = "token\r\nX-Evil: 1";
  CHECK_FALSE(net.transport.open(request));
  CHECK_FALSE(net.transport.startPost(net.relay(), "/a\r\nb", "{}"));
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
  CHECK(stub::world().handshakeSeconds == std::vector<unsigned long>{10});

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
  REQUIRE(net.transport.startPost(net.relay(), "/a", "{}"));
  net.task.turn();
  net.transport.cancelPost();
  stub::world().http = [](const std::string&, const std::string&) { return stub::HttpAnswer{200, "new", 0}; };
  PostAnswer answer;
  CHECK(net.post(answer) == PostState::done);
  CHECK(answer.body == "new");
  REQUIRE(net.transport.startPost(net.relay(), "/a", "{}"));
  stub::world().nowMs += 10'000;
  CHECK(net.transport.pollPost(answer) == PostState::failed);
  CHECK(answer.error == TransportError::timeout);
}

TEST_CASE("WiFi keeps the radio on, its secrets out of the default NVS, and tries again by itself") {
  Net net;
  REQUIRE(net.wifi.begin());
  CHECK_FALSE(stub::world().wifiPersistent);
  CHECK(net.transport.state() == NetworkState::down);
  net.transport.join("home", "secret12");
  CHECK(net.transport.state() == NetworkState::joining);
  stub::world().nowMs += 30'000;
  CHECK(net.transport.state() == NetworkState::joining);
  CHECK(stub::world().wifiJoins == std::vector<std::string>{"home/secret12", "home/secret12"});
  CHECK(stub::world().nowMs == 31'000);   // nothing in here has waited
  CHECK(stub::world().wifiAllChannels);   // or the first access point heard is joined, however weak
  CHECK(stub::world().wifiBySignal);
  int dbm = 0;
  CHECK_FALSE(net.transport.rssi(dbm));
  stub::world().wifiStatus = 3;
  CHECK(net.transport.state() == NetworkState::up);
  CHECK(net.transport.rssi(dbm));
  net.transport.join("open", "");
  CHECK(stub::world().wifiJoins.back() == "open/(open)");
  net.transport.join("", "");
  CHECK(net.transport.state() == NetworkState::down);
  CHECK_FALSE(stub::world().radioEverOff);
}

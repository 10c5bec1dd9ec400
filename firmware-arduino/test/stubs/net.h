// Both sides of the transport's queues, turned by hand.
#pragma once

#include <doctest/doctest.h>

#include "net/board_transport.h"
#include "net/network_task.h"
#include "platform/esp_clock.h"

namespace net {

using esplock::ChannelEvent;
using esplock::ChannelEventKind;
using esplock::CloseReason;
using esplock::NetworkState;
using esplock::PostAnswer;
using esplock::PostState;
using esplock::Refusal;
using esplock::TransportError;
using Step = stub::SocketStep::Kind;

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
  }
  std::string address = origin;
  std::string caPem = ca;
  esplock::RelayAddress relay() const { return {address, caPem}; }
  esplock::ChannelRequest request() const {
    return {relay(), "/v1/devices/socket", "token-1", "front-door", "openlock.door.v1"};
  }
  ChannelEvent next(int turns = 20) {
    for (int i = 0; i < turns; ++i) {
      const ChannelEvent event = transport.poll();
      if (event.kind != ChannelEventKind::none) return event;
      task.turn();
    }
    return {};
  }
  void open() {
    stub::world().steps = {{Step::upgrade, 101, "openlock.door.v1"}};
    REQUIRE(transport.open(request()));
    REQUIRE(next().kind == ChannelEventKind::opened);
  }
  PostState post(PostAnswer& answer, std::string_view body = "{}") {
    REQUIRE(transport.startPost(relay(), "/v1/devices/challenge", body));
    CHECK(transport.pollPost(answer) == PostState::pending);
    task.turn();
    return transport.pollPost(answer);
  }
};

inline bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace net

// The whole board on the stubs, and the relay it talks to.
#pragma once

#include <doctest/doctest.h>

#include <memory>

#include "board_defaults.h"
#include "pin_map.h"
#include "pins/gpio_output.h"
#include "platform/board.h"
#include "stub_flash.h"

namespace chip {

using Kind = stub::PinEvent::Kind;
using Step = stub::SocketStep::Kind;
using esplock::SessionState;


constexpr char setUp[] =
    "set wifiSsid home\n"
    "set wifiPassword wifi-secret\n"
    "set serverAddress https://relay.example:8443\n"
    "set doorId front-door\n"
    "set enrolmentToken token-secret\n"
    "set doorPassword door-secret\n"
    "set caCertificate\n"
    "-----BEGIN CERTIFICATE-----\n"
    "MIIB\n"
    "-----END CERTIFICATE-----\n"
    ".\n"
    "commit\n"
    "show\n";

struct Chip {
  Chip() {
    stub::reset();
    stub::resetFlash();
    relay = std::make_unique<board::GpioOutput>(board::pins.relay, board::relayActiveHigh);
    power();
  }
  void power() {
    board.reset();
    board = std::make_unique<board::Board>(*relay);
    board->begin();
  }
  void run(int turns) {
    for (int i = 0; i < turns; ++i) {
      board->turn();
      board->network().turn();
      stub::runTask("esplock-work");
    }
  }
  void type(const std::string& text) {
    stub::world().serialIn += text;
    for (int i = 0; i < 20 && !stub::world().serialIn.empty(); ++i) board->turn();
  }
  void relayAnswers() {
    stub::world().http = [](const std::string& path, const std::string& body) {
      if (path == "/v1/devices/challenge") {
        return stub::HttpAnswer{200, R"({"nonce":"n1","expiresInSeconds":60,"time":1795000000000})", 0};
      }
      const bool named = body.find("enrolmentToken") != std::string::npos;
      const bool good = !named || body.find("token-secret") != std::string::npos;
      if (!good) return stub::HttpAnswer{401, R"({"code":"unauthenticated"})", 0};
      return stub::HttpAnswer{200,
                              R"({"sessionToken":"session-1","expiresInSeconds":86400,"socketPath":"/v1/devices/socket",)"
                              R"("keepAliveSeconds":10,"time":1795000000000,"kid":"k"})",
                              0};
    };
    stub::world().steps = {
        {Step::upgrade, 101, "openlock.door.v1"},
        {Step::text, 0, R"({"t":"welcome","door":"front-door","epoch":7,"time":1795000000000,"keepAliveSeconds":10})"}};
  }
  void goLive() {
    relayAnswers();
    stub::world().wifiStatus = 3;
    for (int i = 0; i < 300 && board->door().sessionState() != SessionState::live; ++i) run(1);
    REQUIRE(board->door().sessionState() == SessionState::live);
  }
  bool relayEverActive() const {
    const unsigned active = board::relayActiveHigh ? 1 : 0;
    for (const stub::PinEvent& event : stub::world().pins) {
      if (event.kind == Kind::level && event.pin == board::pins.relay && event.level == active) return true;
    }
    return false;
  }
  bool said(const char* text) const { return stub::world().serialOut.find(text) != std::string::npos; }

  std::unique_ptr<board::GpioOutput> relay;
  std::unique_ptr<board::Board> board;
};


}  // namespace chip

#include <doctest/doctest.h>

#include "protocol/frame.h"
#include "channels/transition.h"
#include "support/door_fixture.h"

using namespace esplock;
using fixture::DoorFixture;
using S = SessionState;
using I = SessionInput;

TEST_CASE("the transition table, edge by edge") {
  struct Row {
    S from;
    I input;
    S to;
  };
  const Row rows[] = {
      {S::unconfigured, I::configured, S::making_key}, {S::making_key, I::key_ready, S::joining},
      {S::joining, I::key_missing, S::making_key},     {S::joining, I::network_up, S::challenging},
      {S::joining, I::network_up_token, S::connecting}, {S::challenging, I::answered, S::registering},
      {S::challenging, I::failed, S::waiting},         {S::registering, I::answered, S::joining},
      {S::registering, I::failed, S::waiting},         {S::connecting, I::opened, S::greeting},
      {S::connecting, I::failed, S::waiting},          {S::greeting, I::welcomed, S::live},
      {S::greeting, I::failed, S::waiting},            {S::live, I::failed, S::waiting},
      {S::waiting, I::delay_over, S::joining},         {S::live, I::stop_open, S::closing},
      {S::waiting, I::stop, S::stopped},               {S::closing, I::closed, S::stopped},
      {S::closing, I::failed, S::stopped},             {S::live, I::unconfigured, S::unconfigured},
  };
  for (const Row& row : rows) CHECK(transition(row.from, row.input) == row.to);
}

TEST_CASE("stopped is for ever, and live is reached by a welcome alone") {
  for (std::uint8_t input = 0; input < sessionInputCount; ++input) {
    CHECK(transition(S::stopped, static_cast<I>(input)) == S::stopped);
    for (std::uint8_t state = 0; state <= static_cast<std::uint8_t>(S::stopped); ++state) {
      const S to = transition(static_cast<S>(state), static_cast<I>(input));
      if (to == S::live && static_cast<S>(state) != S::live) {
        CHECK(static_cast<I>(input) == I::welcomed);
        CHECK(static_cast<S>(state) == S::greeting);
      }
    }
  }
}

TEST_CASE("challenge, register, socket, hello, welcome: live") {
  DoorFixture f;
  REQUIRE(f.startLive());
  REQUIRE(f.transport.posts.size() == 2);
  CHECK(f.transport.posts[0].path == "/v1/devices/challenge");
  CHECK(f.transport.posts[0].body == R"({"doorId":"front-door"})");
  CHECK(f.transport.posts[1].path == "/v1/devices/register");
  const auto body = nlohmann::json::parse(f.transport.posts[1].body);
  CHECK(body["enrolmentToken"] == "TOKEN");
  CHECK(f.transport.bearer == "sess");
  CHECK(f.transport.server == "https://relay.example:8443");
  CHECK(f.transport.ca == fixture::caPem);
  const auto hello = nlohmann::json::parse(f.transport.sent[0]);
  CHECK(hello["t"] == "hello");
  CHECK(hello["epoch"] == 0);
  CHECK(hello["boot"].get<std::string>().size() == 22);
  CHECK(hello["firmware"].dump() == R"({"board":"test","securityVersion":4,"version":"1.2.3"})");
  const auto status = f.frames("status");
  REQUIRE_FALSE(status.empty());
  CHECK_FALSE(status[0].contains("id"));
  CHECK(status[0]["state"]["lock"] == "locked");
  CHECK(status[0]["state"]["mode"] == "normal");
  f.run(100);
  CHECK(f.sawEvent("boot"));
}

TEST_CASE("the used enrolment token is forgotten, epoch and boot are told right after a restart") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.transport.posts.clear();
  f.transport.sent.clear();
  f.transport.events.clear();
  f.transport.isOpen = false;
  REQUIRE(f.boot() == Status::ok);
  REQUIRE(f.goLive());
  const auto body = nlohmann::json::parse(f.transport.posts[1].body);
  CHECK_FALSE(body.contains("enrolmentToken"));
  CHECK(nlohmann::json::parse(f.transport.sent[0])["epoch"] == 1);
}

TEST_CASE("a lost socket comes back with the same token; 401 and 4002 register again") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.run(15'000);
  const std::size_t posts = f.transport.posts.size();
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.run(1'000);
  CHECK(f.door->sessionState() == S::connecting);
  CHECK(f.transport.posts.size() == posts);
  f.transport.push(ChannelEventKind::refused, {}, 0, 401);
  f.answerPosts();
  f.run(3'000);
  CHECK(f.transport.posts.size() == posts + 2);
  REQUIRE(f.goLive());
  f.transport.push(ChannelEventKind::closed, {}, 4002);
  f.answerPosts();
  f.run(5'000);
  CHECK(f.transport.posts.size() == posts + 4);
}

TEST_CASE("4003 waits an hour, then registers again") {
  DoorFixture f;
  REQUIRE(f.startLive());
  const std::size_t posts = f.transport.posts.size();
  f.transport.push(ChannelEventKind::closed, {}, 4003);
  f.run(3'590'000, 1'000);
  CHECK(f.door->sessionState() == S::waiting);
  CHECK(f.transport.posts.size() == posts);
  f.run(20'000, 1'000);
  CHECK(f.transport.posts.size() == posts + 1);
}

TEST_CASE("a relay's retryAfterMs is heeded and door_disabled waits an hour") {
  DoorFixture f;
  f.seedKeys();
  f.seedSettings();
  REQUIRE(f.boot() == Status::ok);
  f.transport.answers.emplace_back(429, R"({"code":"rate_limited","retryAfterMs":30000})");
  f.run(29'000, 100);
  CHECK(f.transport.posts.size() == 1);
  f.transport.answers.emplace_back(403, R"({"code":"door_disabled"})");
  f.run(2'000, 100);
  CHECK(f.transport.posts.size() == 2);
  f.run(3'500'000, 1'000);
  CHECK(f.transport.posts.size() == 2);
}

TEST_CASE("an answer that is no answer is a failed attempt") {
  for (const char* body : {"", "{}", "[]", R"({"nonce":""})", R"({"nonce":1})", R"({"nonce":"a","nonce":"b"})", "<html>"}) {
    CAPTURE(body);
    DoorFixture f;
    f.seedKeys();
    f.seedSettings();
    REQUIRE(f.boot() == Status::ok);
    f.transport.answers.emplace_back(200, body);
    f.run(200);
    CHECK_FALSE(f.watcher.troubles.empty());
    for (const S state : f.watcher.sessions) CHECK(state != S::registering);
  }
}

TEST_CASE("keep-alive is sent every period; three unanswered close with 4006") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.transport.sent.clear();
  f.run(10'040);
  CHECK(f.frames("keepalive").size() == 1);
  f.transport.push(ChannelEventKind::text, R"({"t":"keepalive","time":)" + std::to_string(f.relayNow()) + "}");
  f.run(20);
  CHECK(f.watcher.lights.back() == LightPattern::keep_alive);
  f.run(39'000);
  CHECK(f.frames("keepalive").size() == 4);
  CHECK(f.transport.closes.empty());
  f.run(3'000);
  REQUIRE(f.transport.closes.size() == 1);
  CHECK(f.transport.closes[0] == CloseReason::keep_alive_timeout);
  CHECK(f.door->sessionState() != S::live);
}

TEST_CASE("a broken frame is a protocol error, an unknown one is none") {
  DoorFixture f;
  REQUIRE(f.startLive());
  for (const char* text : {R"({"t":"news","x":1})", R"({"t":"keepalive","time":1,"more":{}})",
                           R"({"t":"welcome","epoch":9,"time":1,"keepAliveSeconds":5})"}) {
    f.transport.push(ChannelEventKind::text, text);
    f.run(20);
    CHECK(f.door->sessionState() == S::live);
  }
  f.transport.push(ChannelEventKind::text, R"({"t":"keepalive","t":"command","time":1})");
  f.run(40);
  CHECK(f.transport.closes == std::vector<CloseReason>{CloseReason::protocol_error});
  CHECK(f.door->sessionState() != S::live);
}

TEST_CASE("commands before the welcome are not taken") {
  DoorFixture f;
  f.seedKeys();
  f.seedSettings();
  REQUIRE(f.boot() == Status::ok);
  f.answerPosts();
  f.run(500);
  f.transport.push(ChannelEventKind::opened);
  f.run(20);
  REQUIRE(f.door->sessionState() == S::greeting);
  const std::string jwe = envelopes::make(f.spec("unlock", "")).jwe;
  f.transport.push(ChannelEventKind::text, R"({"t":"command","id":"a","jwe":")" + jwe + R"(","deadline":9999999999999})");
  f.run(40);
  CHECK_FALSE(f.relay.everActive());
  CHECK(f.transport.closes == std::vector<CloseReason>{CloseReason::protocol_error});
}

TEST_CASE("a relay that does not welcome is left after 10 s") {
  DoorFixture f;
  f.seedKeys();
  f.seedSettings();
  REQUIRE(f.boot() == Status::ok);
  f.answerPosts();
  f.run(500);
  f.transport.push(ChannelEventKind::opened);
  f.run(11'000);
  CHECK(f.transport.closes == std::vector<CloseReason>{CloseReason::protocol_error});
}

TEST_CASE("a welcome whose epoch jumps is refused, and leaves the door's own alone") {
  constexpr std::int64_t step = 1 << 20;
  DoorFixture f;
  f.epoch = step;
  f.seedKeys();
  f.seedSettings();
  REQUIRE(f.boot() == Status::ok);
  CHECK_FALSE(f.goLive());
  CHECK(f.transport.closes == std::vector<CloseReason>{CloseReason::protocol_error});
  CHECK(f.store.values.count("epoch") == 0);
  f.epoch = step - 1;   // welcome() says one more: as far as a new door goes
  REQUIRE(f.goLive());
  CHECK(f.transport.sent.size() > 1);
  f.run(15'000);
  f.transport.push(ChannelEventKind::closed, {}, 1006);
  f.epoch = 2 * step;
  CHECK_FALSE(f.goLive());
  f.transport.events.clear();
  f.transport.isOpen = false;
  f.transport.sent.clear();
  REQUIRE(f.boot() == Status::ok);
  f.epoch = 2 * step - 1;
  REQUIRE(f.goLive());
  CHECK(nlohmann::json::parse(f.transport.sent[0])["epoch"] == step);
}

TEST_CASE("stopping closes with 1001 and ends") {
  DoorFixture f;
  REQUIRE(f.startLive());
  f.door->stop();
  f.run(40);
  CHECK(f.door->isStopped());
  CHECK(f.transport.closes == std::vector<CloseReason>{CloseReason::going_away});
  f.run(100'000, 1'000);
  CHECK(f.door->isStopped());
}

TEST_CASE("joining the network is tried again while it is down, and goes on once it is up") {
  DoorFixture f;
  f.seedKeys();
  f.seedSettings();
  f.transport.network = NetworkState::down;
  REQUIRE(f.boot() == Status::ok);
  f.run(40'000, 100);
  CHECK(f.transport.joins == 3);
  CHECK(f.transport.posts.empty());
  f.transport.network = NetworkState::up;
  f.run(100);
  CHECK(f.transport.posts.size() == 1);
}

TEST_CASE("frames: what is needed must be there, what is not known may be") {
  json::Document document;
  Frame frame;
  const auto read = [&](const char* text) { return readFrame(text, document, frame); };
  CHECK(read(R"({"t":"command","id":"x","jwe":"a.b","deadline":5,"new":1})") == Status::ok);
  CHECK(frame.jwe == "a.b");
  CHECK(frame.deadlineMs == 5);
  for (const char* bad : {"", "[]", "{}", R"({"t":1})", R"({"t":"command"})", R"({"t":"command","id":"x","jwe":"a"})",
                          R"({"t":"command","id":"","jwe":"a","deadline":1})",
                          R"({"t":"keepalive"})", R"({"t":"status"})", R"({"t":"challenge"})", R"({"t":"challenge","id":""})",
                          R"({"t":"challenge","id":7})",
                          R"({"t":"welcome","epoch":-1,"time":1,"keepAliveSeconds":10})",
                          R"({"t":"welcome","epoch":1,"time":1,"keepAliveSeconds":0})",
                          R"({"t":"welcome","epoch":1,"time":1})", R"({"t":"keepalive","time":"x"})"}) {
    CAPTURE(bad);
    CHECK(read(bad) == Status::malformed);
  }
  CHECK(read(R"({"t":"command","id":"x","jwe":"a\u002eb","deadline":1})") == Status::ok);
  CHECK(frame.jwe.empty());
  CHECK(read((R"({"t":"status","id":")" + std::string(64, 'a') + "\"}").c_str()) == Status::ok);
  CHECK(read((R"({"t":"status","id":")" + std::string(65, 'a') + "\"}").c_str()) == Status::malformed);
}

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "light/light_player.h"
#include "support/fakes.h"

using namespace esplock;

namespace {

struct Step {
  std::uint64_t atMs;
  Colour colour;
};

struct Recorder final : LightStrip {
  std::uint64_t now = 0;
  std::vector<Step> steps;
  void show(Colour colour) override { steps.push_back({now, colour}); }
};

struct Rig {
  Recorder strip;
  LightPlayer player{strip};
  void run(std::uint64_t ms) {
    for (std::uint64_t end = strip.now + ms; strip.now < end; strip.now += 10) player.poll(strip.now);
  }
};

/// The manual's table, written down a second time.
struct Expected {
  LightPattern pattern;
  const char* colour;
  unsigned times;
  unsigned ms;
};
constexpr Expected manual[] = {
    {LightPattern::joining_wifi, "blue", 1, 500},     {LightPattern::wifi_joined, "green", 3, 100},
    {LightPattern::connecting_socket, "orange", 1, 500}, {LightPattern::socket_up, "green", 5, 100},
    {LightPattern::command_received, "white", 1, 100}, {LightPattern::error, "red", 5, 100},
    {LightPattern::keep_alive, "blue", 1, 100},       {LightPattern::unlocked, "green", 5, 100},
    {LightPattern::locked, "red", 5, 100},            {LightPattern::settings_changed, "yellow", 5, 100},
    {LightPattern::update_running, "purple", 5, 100}, {LightPattern::query_answered, "cyan", 5, 100},
};

void checkRow(const Expected& row) {
  CAPTURE(row.colour);
  CHECK(std::string(rowOf(row.pattern).colour) == row.colour);
  Rig rig;
  rig.player.play(row.pattern);
  rig.run(3'000);
  REQUIRE(rig.strip.steps.size() == row.times * 2);
  for (unsigned i = 0; i < row.times * 2; ++i) {
    CHECK(rig.strip.steps[i].atMs == i * row.ms);
    CHECK(rig.strip.steps[i].colour == (i % 2 == 0 ? rowOf(row.pattern).rgb : Colour{}));
  }
}

}  // namespace

TEST_CASE("LED: joining WiFi is blue, once 500 ms") { checkRow(manual[0]); }
TEST_CASE("LED: WiFi joined is green, 3 x 100 ms") { checkRow(manual[1]); }
TEST_CASE("LED: connecting the socket is orange, once 500 ms") { checkRow(manual[2]); }
TEST_CASE("LED: socket up is green, 5 x 100 ms") { checkRow(manual[3]); }
TEST_CASE("LED: command received is white, once 100 ms") { checkRow(manual[4]); }
TEST_CASE("LED: error is red, 5 x 100 ms") { checkRow(manual[5]); }
TEST_CASE("LED: keep-alive is blue, once 100 ms") { checkRow(manual[6]); }
TEST_CASE("LED: unlocked is green, 5 x 100 ms") { checkRow(manual[7]); }
TEST_CASE("LED: locked is red, 5 x 100 ms") { checkRow(manual[8]); }
TEST_CASE("LED: settings changed is yellow, 5 x 100 ms") { checkRow(manual[9]); }
TEST_CASE("LED: update running is purple, 5 x 100 ms") { checkRow(manual[10]); }
TEST_CASE("LED: status or key answered is cyan, 5 x 100 ms") { checkRow(manual[11]); }

TEST_CASE("the LED table stands in the order of its enum") {
  for (std::size_t i = 0; i < lightRowCount; ++i) CHECK(static_cast<std::size_t>(lightRows[i].pattern) == i);
}

TEST_CASE("patterns follow one another and end dark") {
  Rig rig;
  rig.player.play(LightPattern::command_received);
  rig.player.play(LightPattern::unlocked);
  rig.run(3'000);
  CHECK(rig.strip.steps.size() == 12);
  CHECK(rig.strip.steps.back().colour == Colour{});
}

TEST_CASE("a full queue drops the oldest waiting pattern and never grows") {
  Rig rig;
  rig.player.play(LightPattern::joining_wifi);
  rig.run(10);
  for (const auto pattern : {LightPattern::keep_alive, LightPattern::locked, LightPattern::unlocked,
                             LightPattern::settings_changed, LightPattern::query_answered, LightPattern::locked}) {
    rig.player.play(pattern);
  }
  rig.run(10'000);
  unsigned blueAfterStart = 0;
  for (const Step& step : rig.strip.steps) blueAfterStart += step.colour == rowOf(LightPattern::keep_alive).rgb ? 1 : 0;
  CHECK(blueAfterStart == 1);
  CHECK(rig.strip.steps.size() == 2 + 4 * 10);
}

TEST_CASE("red repeats while a critical error lasts, and other news still gets through") {
  Rig rig;
  rig.player.setCritical(true);
  rig.run(5'000);
  CHECK(rig.strip.steps.size() >= 40);
  rig.player.play(LightPattern::unlocked);
  rig.run(2'000);
  bool green = false;
  for (const Step& step : rig.strip.steps) green = green || step.colour == rowOf(LightPattern::unlocked).rgb;
  CHECK(green);
  rig.player.setCritical(false);
  rig.run(2'000);
  const std::size_t steps = rig.strip.steps.size();
  rig.run(5'000);
  CHECK(rig.strip.steps.size() == steps);
  CHECK(rig.strip.steps.back().colour == Colour{});
}

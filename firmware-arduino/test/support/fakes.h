// Ports that do what a test says. The clock stands until moved; the store can lose power between two writes.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "door/door.h"
#include "protocol/events.h"

namespace fakes {

using namespace esplock;

struct FakeClock final : Clock {
  std::uint64_t nowMs = 1'000;
  bool sntp = true;   ///< answers at once
  std::int64_t wallAheadMs = 1'800'000'000'000;   ///< of the monotonic clock
  int asks = 0;
  std::uint64_t monotonicMs() override { return nowMs; }
  bool wallMs(std::uint64_t& outMs) override {
    outMs = static_cast<std::uint64_t>(static_cast<std::int64_t>(nowMs) + wallAheadMs);
    return sntp;
  }
  void askWall() override { ++asks; }
  void advance(std::uint64_t ms) { nowMs += ms; }
};

struct FakeRandom final : Random {
  std::uint64_t state = 0x9E3779B97F4A7C15ULL;
  bool works = true;
  std::deque<std::vector<std::uint8_t>> next;   ///< what comes out first, where the length is right
  bool fill(std::uint8_t* out, std::size_t length) override {
    if (!next.empty() && next.front().size() == length) {
      std::memcpy(out, next.front().data(), length);
      next.pop_front();
      return works;
    }
    for (std::size_t i = 0; i < length; ++i) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      out[i] = static_cast<std::uint8_t>(state >> 32);
    }
    return works;
  }
};

/// One supply for everything that is kept: it fails before the step number `left`, and from there on nothing is kept.
struct Power {
  int left = -1;   ///< -1: never
  int steps = 0;
  bool cut = false;
  bool step() {
    if (left == 0) cut = true;
    if (cut) return false;
    if (left > 0) --left;
    ++steps;
    return true;
  }
};

struct FakeStore final : KeyValueStore {
  std::map<std::string, std::vector<std::uint8_t>> values;
  Power* power = nullptr;   ///< null: a store with a supply of its own
  bool writesFail = false;
  bool readsFail = false;
  int writesLeft = -1;   ///< power is lost after so many changes; -1: never
  int changes = 0;

  bool powered() {
    if (writesFail || (power != nullptr && !power->step())) return false;
    if (writesLeft == 0) return false;
    if (writesLeft > 0) --writesLeft;
    ++changes;
    return true;
  }
  StoreResult read(const char* key, std::uint8_t* out, std::size_t capacity, std::size_t& length) override {
    length = 0;
    if (readsFail) return StoreResult::failed;
    const auto found = values.find(key);
    if (found == values.end()) return StoreResult::missing;
    if (found->second.size() > capacity) return StoreResult::failed;
    length = found->second.size();
    if (length > 0) std::memcpy(out, found->second.data(), length);
    return StoreResult::ok;
  }
  bool write(const char* key, const std::uint8_t* value, std::size_t length) override {
    if (std::strlen(key) > maxKeyLength || length > maxValueBytes || !powered()) return false;
    values[key].assign(value, value + length);
    return true;
  }
  bool erase(const char* key) override {
    if (values.find(key) == values.end()) return !writesFail && writesLeft != 0;
    if (!powered()) return false;
    values.erase(key);
    return true;
  }
};

struct FakePin final : OutputPin {
  std::vector<bool> trace;
  void write(bool active) override { trace.push_back(active); }
  bool active() const { return !trace.empty() && trace.back(); }
  bool everActive() const {
    for (const bool level : trace) {
      if (level) return true;
    }
    return false;
  }
};

struct FakeInput final : InputPin {
  bool fitted = true;
  bool on = false;
  bool present() override { return fitted; }
  bool active() override { return on; }
};

struct FakeLight final : LightStrip {
  std::vector<Colour> trace;
  void show(Colour colour) override { trace.push_back(colour); }
};

struct FakeLog final : Log {
  std::vector<std::string> lines;
  void write(LogLevel, const char* cause, std::int64_t) override { lines.emplace_back(cause); }
};

struct FakeSystem final : System {
  int restarts = 0;
  bool keyWorks = true;
  bool runNow = true;   ///< false: background work waits for runPending
  std::size_t heap = 100'000;
  std::vector<std::pair<void (*)(void*), void*>> pending;
  void restart() override { ++restarts; }
  std::size_t freeHeap() override { return heap; }
  std::size_t largestFreeBlock() override { return heap / 2; }
  std::size_t stackLeft() override { return 9'000; }
  bool sealingKey(std::uint8_t out[32]) override {
    std::memset(out, 0x5A, 32);
    return keyWorks;
  }
  bool runInBackground(void (*work)(void*), void* argument) override {
    if (runNow) work(argument);
    else pending.emplace_back(work, argument);
    return true;
  }
  void runPending() {
    for (const auto& item : pending) item.first(item.second);
    pending.clear();
  }
};

/// Network, https and channel in one.
struct FakeTransport final : Network, Https, Channel {
  struct Post {
    std::string path;
    std::string body;
  };
  std::vector<Post> posts;
  std::deque<std::pair<int, std::string>> answers;   ///< status 0: fails with `error`
  TransportError error = TransportError::unreachable;
  bool postRunning = false;
  std::string answerBody;

  std::deque<std::pair<ChannelEvent, std::string>> events;
  std::pair<ChannelEvent, std::string> handedOut;
  std::vector<std::string> sent;
  std::vector<CloseReason> closes;
  std::string bearer;
  std::string server;
  std::string ca;
  int socketsOpened = 0;
  int joins = 0;
  bool isOpen = false;
  bool sendFails = false;
  bool answersClose = true;
  NetworkState network = NetworkState::up;

  void join(std::string_view, std::string_view) override { ++joins; }
  NetworkState state() override { return network; }
  bool startPost(const RelayAddress& relay, std::string_view path, std::string_view body) override {
    server = relay.origin;
    ca = relay.caPem;
    posts.push_back({std::string(path), std::string(body)});
    postRunning = true;
    return true;
  }
  PostState pollPost(PostAnswer& answer) override {
    if (!postRunning || answers.empty()) return postRunning ? PostState::pending : PostState::idle;
    postRunning = false;
    answerBody = answers.front().second;
    answer.httpStatus = answers.front().first;
    answer.refusal = refusalOfStatus(answer.httpStatus);
    answers.pop_front();
    answer.body = answerBody;
    answer.error = answer.httpStatus == 0 ? error : TransportError::none;
    return answer.httpStatus == 0 ? PostState::failed : PostState::done;
  }
  void cancelPost() override { postRunning = false; }
  bool open(const ChannelRequest& request) override {
    ++socketsOpened;
    bearer = request.bearer;
    server = request.relay.origin;
    ca = request.relay.caPem;
    return true;
  }
  ChannelEvent poll() override {
    if (events.empty()) return {};
    handedOut = events.front();
    events.pop_front();
    handedOut.first.data = handedOut.second;
    if (handedOut.first.kind == ChannelEventKind::opened) isOpen = true;
    if (handedOut.first.kind == ChannelEventKind::closed) isOpen = false;
    return handedOut.first;
  }
  bool sendText(std::string_view message) override {
    if (!isOpen || sendFails) return false;
    sent.emplace_back(message);
    return true;
  }
  bool sendBinary(const std::uint8_t*, std::size_t) override { return isOpen; }
  void close(CloseReason reason) override {
    closes.push_back(reason);
    if (answersClose) push(isOpen ? ChannelEventKind::closed : ChannelEventKind::refused, {}, closeCodeOf(reason));
  }
  bool rssi(int& outDbm) override {
    outDbm = -61;
    return true;
  }
  void push(ChannelEventKind kind, std::string data = {}, std::uint16_t code = 0, int status = 0) {
    ChannelEvent event;
    event.kind = kind;
    if (kind == ChannelEventKind::closed) event.reason = closeReasonOf(code);
    if (kind == ChannelEventKind::refused) event.refusal = refusalOfStatus(status);
    event.detail = status != 0 ? status : code;
    events.emplace_back(event, std::move(data));
  }
};

struct FakeEvents final : EventSink {
  std::vector<std::string> kinds;
  void emit(EventKind kind, const char* name = nullptr, const char* value = nullptr) override {
    std::string text = textOf(kind);
    if (name != nullptr) text += std::string(" ") + name + "=" + value;
    kinds.push_back(text);
  }
  void emitUpdate(const char* phase, const char*, const char* code) override {
    kinds.push_back(std::string("update ") + phase + (code[0] == '\0' ? "" : std::string(" ") + code));
  }
};

}  // namespace fakes

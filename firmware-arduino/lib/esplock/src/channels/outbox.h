// What waits for a live channel: results until the relay is known to have them (protocol 5.7), and events (protocol 5.2,
// 5.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/rate_gate.h"
#include "base/semver.h"
#include "jose/receipt_jwe.h"
#include "protocol/events.h"
#include "protocol/frame.h"
#include "time/time_keeper.h"

namespace esplock {

/// The text of a `result` frame; empty when it does not fit.
std::string_view writeResult(std::string_view id, int status, bool credentialRefused, std::string_view receipt,
                             char* out, std::size_t capacity);

/// A channel that took a result has only queued it, and what TCP took may still be lost with the link. So each is kept
/// until the relay has answered a keep-alive that was sent after it, and sent again on the next channel if that never
/// came. A relay passes over a result it has.
class UnsentResults {
 public:
  static constexpr std::size_t capacity = 8;
  static constexpr std::uint64_t keepMs = 600'000;

  /// Keeps it. Of too many the oldest that was sent gives way, else the oldest.
  void keep(std::uint64_t nowMs, std::string_view id, int status, bool credentialRefused, std::string_view receipt);

  /// Oldest one still to be sent, as a frame; empty when there is none. Follow with sent() once the channel has taken it.
  std::string_view front(std::uint64_t nowMs, char* out, std::size_t capacity);
  void sent();

  void onKeepAliveSent();
  void onKeepAliveAnswered();

  /// What is not known to have arrived is to be sent again.
  void onChannelLost();

 private:
  enum class Stage : std::uint8_t { waiting, sent, asked };   ///< asked: a keep-alive went out after it
  struct Entry {
    Stage stage = Stage::waiting;
    std::uint64_t atMs = 0;
    char id[Frame::maxIdChars + 1] = {};
    int status = 400;
    bool credentialRefused = false;
    std::size_t receiptLength = 0;
    char receipt[ReceiptJwe::maxChars] = {};
  };
  Entry& at(std::size_t index) { return entries_[order_[index]]; }
  void drop(std::size_t index);

  Entry entries_[capacity];
  std::uint8_t order_[capacity] = {0, 1, 2, 3, 4, 5, 6, 7};   ///< oldest first; past `count_` the free ones
  std::size_t count_ = 0;
  unsigned unanswered_ = 0;   ///< keep-alives on this channel
};

/// Events in order; numbered when they happen, so that the relay sees gaps when the queue overflowed.
class EventQueue : public EventSink {
 public:
  static constexpr std::size_t capacity = 24;
  static constexpr std::uint32_t perSecond = 10;

  explicit EventQueue(TimeKeeper& time) : time_(time) {}

  void emit(EventKind kind, const char* name = nullptr, const char* value = nullptr) override;
  void emitUpdate(const char* phase, const char* version, const char* code) override;

  /// Oldest event as a frame, or empty when there is none or the rate is used up. Follow with pop() once it is sent.
  std::string_view front(std::uint64_t nowMs, char* out, std::size_t capacity);
  void pop();

 private:
  struct Entry {
    std::int64_t seq = 0;
    std::uint64_t atMs = 0;
    EventKind kind = EventKind::boot;
    const char* name = nullptr;
    const char* value = nullptr;
    const char* code = nullptr;            ///< `update` alone, like the next
    char version[maxVersionChars + 1] = {};
  };
  Entry& push(EventKind kind);

  TimeKeeper& time_;
  RateGate gate_{perSecond, perSecond};
  bool allowed_ = false;
  Entry entries_[capacity];
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::int64_t nextSeq_ = 1;
};

}  // namespace esplock

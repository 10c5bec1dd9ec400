#include "channels/outbox.h"

#include <cstring>

#include "json/writer.h"

namespace esplock {

std::string_view writeResult(std::string_view id, int status, bool credentialRefused, std::string_view receipt,
                             char* out, std::size_t capacity) {
  json::Writer json(out, capacity);
  json.beginObject().member("t", "result").member("id", id).member("status", static_cast<std::int64_t>(status));
  if (credentialRefused) json.member("refusal", "credential");
  if (!receipt.empty()) json.member("receipt", receipt);
  json.endObject();
  return json.view();
}

void UnsentResults::keep(std::uint64_t nowMs, std::string_view id, int status, bool credentialRefused,
                         std::string_view receipt) {
  if (count_ == capacity) {
    std::size_t victim = 0;
    for (std::size_t i = capacity; i-- > 0;) {
      if (at(i).stage != Stage::waiting) victim = i;
    }
    drop(victim);
  }
  Entry& entry = at(count_++);
  entry.stage = Stage::waiting;
  entry.atMs = nowMs;
  entry.status = status;
  entry.credentialRefused = credentialRefused;
  const std::size_t idLength = id.size() < Frame::maxIdChars ? id.size() : Frame::maxIdChars;
  std::memcpy(entry.id, id.data(), idLength);
  entry.id[idLength] = '\0';
  entry.receiptLength = receipt.size() <= sizeof entry.receipt ? receipt.size() : 0;
  if (entry.receiptLength > 0) std::memcpy(entry.receipt, receipt.data(), entry.receiptLength);
}

void UnsentResults::drop(std::size_t index) {
  const std::uint8_t freed = order_[index];
  --count_;
  for (std::size_t i = index; i < count_; ++i) order_[i] = order_[i + 1];
  order_[count_] = freed;
}

std::string_view UnsentResults::front(std::uint64_t nowMs, char* out, std::size_t outCapacity) {
  while (count_ > 0 && nowMs - at(0).atMs > keepMs) drop(0);
  for (std::size_t i = 0; i < count_; ++i) {
    const Entry& entry = at(i);
    if (entry.stage != Stage::waiting) continue;
    return writeResult(entry.id, entry.status, entry.credentialRefused,
                       std::string_view(entry.receipt, entry.receiptLength), out, outCapacity);
  }
  return {};
}

void UnsentResults::sent() {
  for (std::size_t i = 0; i < count_; ++i) {
    if (at(i).stage != Stage::waiting) continue;
    at(i).stage = Stage::sent;
    return;
  }
}

void UnsentResults::onKeepAliveSent() {
  // While another is unanswered, the next answer is to that one and says nothing of what was sent since.
  if (unanswered_++ > 0) return;
  for (std::size_t i = 0; i < count_; ++i) {
    if (at(i).stage == Stage::sent) at(i).stage = Stage::asked;
  }
}

void UnsentResults::onKeepAliveAnswered() {
  if (unanswered_ > 0) --unanswered_;
  for (std::size_t i = count_; i-- > 0;) {
    if (at(i).stage == Stage::asked) drop(i);
  }
}

void UnsentResults::onChannelLost() {
  unanswered_ = 0;
  for (std::size_t i = 0; i < count_; ++i) at(i).stage = Stage::waiting;
}

EventQueue::Entry& EventQueue::push(EventKind kind) {
  if (count_ == capacity) {
    first_ = (first_ + 1) % capacity;
    --count_;
  }
  Entry& entry = entries_[(first_ + count_) % capacity];
  ++count_;
  entry = Entry{};
  entry.seq = nextSeq_++;
  entry.atMs = time_.monotonicMs();
  entry.kind = kind;
  return entry;
}

void EventQueue::emit(EventKind kind, const char* name, const char* value) {
  Entry& entry = push(kind);
  entry.name = name;
  entry.value = value;
}

void EventQueue::emitUpdate(const char* phase, const char* version, const char* code) {
  Entry& entry = push(EventKind::update);
  entry.name = "phase";
  entry.value = phase;
  entry.code = code;
  const std::size_t length = std::strlen(version);
  if (length < sizeof entry.version) std::memcpy(entry.version, version, length + 1);
}

std::string_view EventQueue::front(std::uint64_t nowMs, char* out, std::size_t outCapacity) {
  if (count_ == 0) return {};
  if (!allowed_) allowed_ = gate_.take(nowMs);
  if (!allowed_) return {};
  const Entry& entry = entries_[first_];
  json::Writer json(out, outCapacity);
  json.beginObject().member("t", "event").member("seq", entry.seq).member("kind", textOf(entry.kind));
  json.member("at", time_.nowMs() - static_cast<std::int64_t>(nowMs - entry.atMs));
  if (entry.name != nullptr) {
    json.name("data").beginObject().member(entry.name, entry.value);
    if (entry.version[0] != '\0') json.member("version", entry.version);
    if (entry.code != nullptr && entry.code[0] != '\0') json.member("code", entry.code);
    json.endObject();
  }
  json.endObject();
  return json.view();
}

void EventQueue::pop() {
  if (count_ == 0) return;
  first_ = (first_ + 1) % capacity;
  --count_;
  allowed_ = false;
}

}  // namespace esplock

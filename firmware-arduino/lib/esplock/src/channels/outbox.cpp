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
  if (count_ == capacity) pop();
  Entry& entry = entries_[(first_ + count_) % capacity];
  ++count_;
  entry.atMs = nowMs;
  entry.status = status;
  entry.credentialRefused = credentialRefused;
  const std::size_t idLength = id.size() < Frame::maxIdChars ? id.size() : Frame::maxIdChars;
  std::memcpy(entry.id, id.data(), idLength);
  entry.id[idLength] = '\0';
  entry.receiptLength = receipt.size() <= sizeof entry.receipt ? receipt.size() : 0;
  if (entry.receiptLength > 0) std::memcpy(entry.receipt, receipt.data(), entry.receiptLength);
}

std::string_view UnsentResults::front(std::uint64_t nowMs, char* out, std::size_t outCapacity) {
  while (count_ > 0 && nowMs - entries_[first_].atMs > keepMs) pop();
  if (count_ == 0) return {};
  const Entry& entry = entries_[first_];
  return writeResult(entry.id, entry.status, entry.credentialRefused,
                     std::string_view(entry.receipt, entry.receiptLength), out, outCapacity);
}

void UnsentResults::pop() {
  if (count_ == 0) return;
  first_ = (first_ + 1) % capacity;
  --count_;
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

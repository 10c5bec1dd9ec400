#include "update/record.h"

#include <cstring>

namespace esplock {
namespace {

constexpr char recordName[] = "upd";
constexpr char failedName[] = "upd.failed";
constexpr char floorName[] = "upd.floor";
constexpr std::uint8_t recordFormat = 1;

// 'U' 'P' format phase code, three numbers, the digest, id and version with a length before each.
constexpr std::size_t headBytes = 5 + 3 * 4 + crypto::hashBytes;
constexpr std::size_t maxRecordBytes = headBytes + 1 + Frame::maxIdChars + 1 + maxVersionChars;

void putNumber(std::uint8_t* out, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint32_t getNumber(const std::uint8_t* bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
  return value;
}

std::size_t putText(std::uint8_t* out, const char* text) {
  const std::size_t length = std::strlen(text);
  out[0] = static_cast<std::uint8_t>(length);
  std::memcpy(out + 1, text, length);
  return length + 1;
}

/// Takes a text off the front; false when it is longer than what is there or than fits.
template <std::size_t N>
bool takeText(crypto::Bytes& bytes, char (&out)[N]) {
  if (bytes.length == 0 || bytes.data[0] >= N || bytes.length < 1U + bytes.data[0]) return false;
  const std::size_t length = bytes.data[0];
  std::memcpy(out, bytes.data + 1, length);
  out[length] = '\0';
  bytes = {bytes.data + 1 + length, bytes.length - 1 - length};
  return std::strlen(out) == length;
}

bool decode(crypto::Bytes bytes, UpdateRecord& out) {
  if (bytes.length < headBytes || bytes.data[0] != 'U' || bytes.data[1] != 'P' || bytes.data[2] != recordFormat) {
    return false;
  }
  if (bytes.data[3] > static_cast<std::uint8_t>(RecordPhase::rolled_back) || bytes.data[4] >= updateCodeCount) return false;
  out.phase = static_cast<RecordPhase>(bytes.data[3]);
  out.code = static_cast<UpdateCode>(bytes.data[4]);
  out.size = getNumber(bytes.data + 5);
  out.offset = getNumber(bytes.data + 9);
  out.securityVersion = getNumber(bytes.data + 13);
  std::memcpy(out.sha256, bytes.data + 17, crypto::hashBytes);
  crypto::Bytes rest = {bytes.data + headBytes, bytes.length - headBytes};
  return takeText(rest, out.id) && takeText(rest, out.version) && rest.length == 0 && out.offset <= out.size;
}

}  // namespace

void UpdateMemory::load() {
  std::uint8_t bytes[maxRecordBytes];
  std::size_t length = 0;
  record_ = UpdateRecord{};
  if (store_.read(recordName, bytes, sizeof bytes, length) != StoreResult::ok || !decode({bytes, length}, record_)) {
    record_ = UpdateRecord{};
  }
  loadFailed();
  loadFloor();
}

void UpdateMemory::loadFailed() {
  std::size_t length = 0;
  failedCount_ = 0;
  const StoreResult result = store_.read(failedName, failed_[0], sizeof failed_, length);
  if (result == StoreResult::ok && length % crypto::hashBytes == 0) failedCount_ = length / crypto::hashBytes;
}

void UpdateMemory::loadFloor() {
  std::uint8_t bytes[4] = {};
  std::size_t length = 0;
  floor_ = 0;
  const StoreResult result = store_.read(floorName, bytes, sizeof bytes, length);
  floorKnown_ = result == StoreResult::missing || (result == StoreResult::ok && length == sizeof bytes);
  if (floorKnown_ && result == StoreResult::ok) floor_ = getNumber(bytes);
}

bool UpdateMemory::saveRecord() {
  std::uint8_t bytes[maxRecordBytes] = {'U', 'P', recordFormat, static_cast<std::uint8_t>(record_.phase),
                                        static_cast<std::uint8_t>(record_.code)};
  putNumber(bytes + 5, record_.size);
  putNumber(bytes + 9, record_.offset);
  putNumber(bytes + 13, record_.securityVersion);
  std::memcpy(bytes + 17, record_.sha256, crypto::hashBytes);
  std::size_t length = headBytes;
  length += putText(bytes + length, record_.id);
  length += putText(bytes + length, record_.version);
  return store_.write(recordName, bytes, length);
}

bool UpdateMemory::eraseRecord() {
  record_ = UpdateRecord{};
  return store_.erase(recordName);
}

bool UpdateMemory::raiseFloor(std::uint32_t securityVersion) {
  if (!floorKnown_) return false;
  if (securityVersion <= floor_) return true;
  std::uint8_t bytes[4];
  putNumber(bytes, securityVersion);
  if (!store_.write(floorName, bytes, sizeof bytes)) return false;
  floor_ = securityVersion;
  return true;
}

bool UpdateMemory::hasFailed(const std::uint8_t sha256[crypto::hashBytes]) const {
  for (std::size_t i = 0; i < failedCount_; ++i) {
    if (std::memcmp(failed_[i], sha256, crypto::hashBytes) == 0) return true;
  }
  return false;
}

bool UpdateMemory::addFailed(const std::uint8_t sha256[crypto::hashBytes]) {
  if (hasFailed(sha256)) return true;
  if (failedCount_ == maxFailed) {
    std::memmove(failed_[0], failed_[1], (maxFailed - 1) * crypto::hashBytes);
    --failedCount_;
  }
  std::memcpy(failed_[failedCount_++], sha256, crypto::hashBytes);
  return store_.write(failedName, failed_[0], failedCount_ * crypto::hashBytes);
}

}  // namespace esplock

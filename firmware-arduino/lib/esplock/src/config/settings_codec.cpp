#include "config/settings_codec.h"

#include <cstring>

namespace esplock {
namespace {

constexpr std::size_t headBytes = 4;
constexpr std::size_t recordHeadBytes = 3;

// Tags are for ever; numbers of removed settings are not used again.
constexpr std::uint8_t tagOf(SettingId id) { return static_cast<std::uint8_t>(static_cast<unsigned>(id) + 1); }

class RecordWriter {
 public:
  RecordWriter(std::uint8_t* out, std::size_t capacity) : out_(out), capacity_(capacity) {}

  void put(SettingId id, const void* data, std::size_t size) {
    if (length_ + recordHeadBytes + size > capacity_) {
      overflow_ = true;
      return;
    }
    out_[length_++] = tagOf(id);
    out_[length_++] = static_cast<std::uint8_t>(size & 0xFF);
    out_[length_++] = static_cast<std::uint8_t>(size >> 8);
    std::memcpy(out_ + length_, data, size);
    length_ += size;
  }

  void number(SettingId id, std::uint32_t value) {
    std::uint8_t bytes[4];
    for (unsigned i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
    put(id, bytes, sizeof bytes);
  }

  std::uint8_t* out_;
  std::size_t capacity_;
  std::size_t length_ = headBytes;
  bool overflow_ = false;
};

Status applyNumber(Settings& out, SettingId id, crypto::Bytes value) {
  if (value.length != 4) return Status::malformed;
  std::uint32_t number = 0;
  for (unsigned i = 0; i < 4; ++i) number |= static_cast<std::uint32_t>(value.data[i]) << (8 * i);
  return setNumber(out, id, number);
}

Status applyRecord(Settings& out, std::uint8_t tag, crypto::Bytes value) {
  for (const SettingInfo& info : settingTable) {
    if (tagOf(info.id) != tag) continue;
    if (isNumber(info.id)) return applyNumber(out, info.id, value);
    return setText(out, info.id, {reinterpret_cast<const char*>(value.data), value.length});
  }
  return Status::ok;   // written by a newer image
}

}  // namespace

Status encodeSettings(const Settings& settings, std::uint8_t* out, std::size_t capacity, std::size_t& length) {
  length = 0;
  if (capacity < headBytes) return Status::too_big;
  RecordWriter writer(out, capacity);
  const std::uint8_t head[headBytes] = {'S', 'T', settingsFormat, settingsReadableSince};
  std::memcpy(out, head, headBytes);
  for (const SettingInfo& info : settingTable) {
    if (isNumber(info.id) || info.id == SettingId::releaseKeys) continue;
    const std::string_view value = textValue(settings, info.id);
    if (!value.empty()) writer.put(info.id, value.data(), value.size());
  }
  writer.number(SettingId::failSafeAfterMs, settings.failSafeAfterMs);
  writer.number(SettingId::autoRelockMs, settings.autoRelockMs);
  for (const auto& key : settings.releaseKeys) {
    if (key[0] != 0) writer.put(SettingId::releaseKeys, key, std::strlen(key));
  }
  length = writer.length_;
  return writer.overflow_ ? Status::too_big : Status::ok;
}

Status decodeSettings(crypto::Bytes bytes, Settings& out) {
  if (bytes.length < headBytes || bytes.data[0] != 'S' || bytes.data[1] != 'T') return Status::corrupt;
  if (bytes.data[3] > settingsFormat) return Status::unsupported;
  reset(out);
  std::size_t at = headBytes;
  std::uint32_t seen = 0;
  while (at < bytes.length) {
    if (bytes.length - at < recordHeadBytes) return Status::corrupt;
    const std::uint8_t tag = bytes.data[at];
    const std::size_t size = bytes.data[at + 1] | (static_cast<std::size_t>(bytes.data[at + 2]) << 8);
    at += recordHeadBytes;
    if (bytes.length - at < size) return Status::corrupt;
    const bool repeatable = tag == tagOf(SettingId::releaseKeys);
    if (!repeatable && tag < 32 && (seen & (1U << tag)) != 0) return Status::corrupt;
    if (tag < 32) seen |= 1U << tag;
    if (applyRecord(out, tag, {bytes.data + at, size}) != Status::ok) return Status::corrupt;
    at += size;
  }
  return Status::ok;
}

}  // namespace esplock

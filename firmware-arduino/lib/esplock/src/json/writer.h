// Writes compact JSON into a fixed buffer. Overflow is remembered, not reported a call at a time: ask ok() at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace esplock::json {

class Writer {
 public:
  Writer(char* out, std::size_t capacity) : out_(out), capacity_(capacity) {}

  Writer& beginObject() { return open('{'); }
  Writer& endObject() { return shut('}'); }
  Writer& beginArray() { return open('['); }
  Writer& endArray() { return shut(']'); }
  Writer& name(std::string_view text);
  Writer& string(std::string_view text);   ///< must be UTF-8; escaped as needed
  Writer& integer(std::int64_t value);
  Writer& boolean(bool value);
  Writer& filling(char c, std::size_t count);   ///< a string of one harmless character
  Writer& raw(std::string_view json);      ///< a value already written as JSON

  Writer& member(std::string_view key, std::string_view text) { return name(key).string(text); }
  Writer& member(std::string_view key, const char* text) { return name(key).string(text); }
  Writer& member(std::string_view key, std::int64_t value) { return name(key).integer(value); }

  bool ok() const { return !overflow_; }
  std::size_t length() const { return length_; }
  std::string_view view() const { return ok() ? std::string_view(out_, length_) : std::string_view(); }

 private:
  Writer& open(char bracket);
  Writer& shut(char bracket);
  void put(char c);
  void put(std::string_view text);
  void separate();
  void quoted(std::string_view text);

  char* out_;
  std::size_t capacity_;
  std::size_t length_ = 0;
  bool overflow_ = false;
  bool needComma_ = false;
};

}  // namespace esplock::json

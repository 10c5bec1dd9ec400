// A strict JSON reader without allocation: RFC 8259, and beyond it no duplicate names, no lone surrogates, UTF-8
// checked, nothing after the value, at most 8 levels and a fixed number of tokens. What it does not accept cannot be
// read two ways by two programs (docs/protocol.md, "Words").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace esplock::json {

enum class Type : std::uint8_t { missing, null, boolean, number, string, object, array };

class Document;

/// A value inside a Document, or `missing`. Cheap to copy; valid as long as document and text are.
class Value {
 public:
  Value() = default;
  Type type() const;
  bool exists() const { return document_ != nullptr; }
  bool isObject() const { return type() == Type::object; }
  bool isArray() const { return type() == Type::array; }
  bool isString() const { return type() == Type::string; }

  /// Members of an object, elements of an array, else 0.
  std::size_t size() const;

  /// Member by name; `missing` when absent or not an object.
  Value operator[](std::string_view name) const;

  /// First element or member value; `next` steps to its sibling. `missing` at the end.
  Value first() const;
  Value next() const;

  /// Name under which this member stands; only for values reached through first()/next() of an object.
  bool nameIs(std::string_view name) const;

  /// Exact integers only: no fraction, no exponent, within int64.
  bool integer(std::int64_t& out) const;
  bool boolean(bool& out) const;

  /// Compares the decoded string.
  bool equals(std::string_view text) const;

  /// Decodes a string into `out` as UTF-8, without terminator. `too_big` when it does not fit.
  Status text(char* out, std::size_t capacity, std::size_t& length) const;

  /// As above with a terminator; refuses a string that holds NUL, because it would end early.
  Status cString(char* out, std::size_t capacity) const;

  /// The characters between the quotes, undecoded; the digits of a number.
  std::string_view raw() const;

 private:
  friend class Document;
  Value(const Document* document, std::uint16_t index, bool member)
      : document_(document), index_(index), member_(member) {}
  const Document* document_ = nullptr;
  std::uint16_t index_ = 0;
  bool member_ = false;
};

class Document {
 public:
  static constexpr std::size_t maxTokens = 128;
  static constexpr std::size_t maxDepth = 8;
  static constexpr std::size_t maxTextBytes = 0xFFFF;

  /// `malformed` for what is not strict JSON, `too_big` for too many tokens, levels or bytes. Keeps a view of `text`.
  Status parse(std::string_view text);
  Value root() const;

 private:
  friend class Value;
  friend class Parser;
  struct Token {
    Type type = Type::missing;
    std::uint16_t start = 0;
    std::uint16_t length = 0;
    std::uint16_t end = 0;      ///< index of the token after this value and all it holds
    std::uint16_t parentEnd = 0;  ///< where the siblings of this value end
  };
  std::string_view slice(const Token& token) const { return text_.substr(token.start, token.length); }

  std::string_view text_;
  Token tokens_[maxTokens];
  std::uint16_t count_ = 0;
};

}  // namespace esplock::json

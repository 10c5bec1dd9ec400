#include "json/reader.h"

#include "json/string_cursor.h"

namespace esplock::json {

Value Document::root() const { return count_ == 0 ? Value() : Value(this, 0, false); }

Type Value::type() const { return exists() ? document_->tokens_[index_].type : Type::missing; }

std::string_view Value::raw() const {
  return exists() ? document_->slice(document_->tokens_[index_]) : std::string_view();
}

Value Value::first() const {
  if (!isObject() && !isArray()) return Value();
  const Document::Token& token = document_->tokens_[index_];
  if (token.end == index_ + 1) return Value();
  const auto child = static_cast<std::uint16_t>(index_ + (isObject() ? 2 : 1));
  return Value(document_, child, isObject());
}

Value Value::next() const {
  if (!exists()) return Value();
  const Document::Token& token = document_->tokens_[index_];
  if (token.end >= token.parentEnd) return Value();
  const auto sibling = static_cast<std::uint16_t>(token.end + (member_ ? 1 : 0));
  return Value(document_, sibling, member_);
}

std::size_t Value::size() const {
  std::size_t count = 0;
  for (Value child = first(); child.exists(); child = child.next()) ++count;
  return count;
}

bool Value::nameIs(std::string_view name) const {
  return exists() && member_ && decodesTo(document_->slice(document_->tokens_[index_ - 1]), name);
}

Value Value::operator[](std::string_view name) const {
  if (!isObject()) return Value();
  for (Value child = first(); child.exists(); child = child.next()) {
    if (child.nameIs(name)) return child;
  }
  return Value();
}

bool Value::integer(std::int64_t& out) const {
  if (type() != Type::number) return false;
  std::string_view digits = raw();
  const bool negative = digits.front() == '-';
  if (negative) digits.remove_prefix(1);
  std::uint64_t magnitude = 0;
  const std::uint64_t limit = negative ? std::uint64_t{1} << 63 : (std::uint64_t{1} << 63) - 1;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (magnitude > (limit - digit) / 10) return false;
    magnitude = magnitude * 10 + digit;
  }
  out = negative ? static_cast<std::int64_t>(~magnitude + 1) : static_cast<std::int64_t>(magnitude);
  return true;
}

bool Value::boolean(bool& out) const {
  if (type() != Type::boolean) return false;
  out = raw() == "true";
  return true;
}

bool Value::equals(std::string_view text) const { return isString() && decodesTo(raw(), text); }

Status Value::text(char* out, std::size_t capacity, std::size_t& length) const {
  length = 0;
  if (!isString()) return Status::malformed;
  StringCursor cursor(raw());
  for (int byte = cursor.next(); byte >= 0; byte = cursor.next()) {
    if (length >= capacity) return Status::too_big;
    out[length++] = static_cast<char>(byte);
  }
  return Status::ok;
}

Status Value::cString(char* out, std::size_t capacity) const {
  std::size_t length = 0;
  if (capacity == 0) return Status::too_big;
  const Status status = text(out, capacity - 1, length);
  out[status == Status::ok ? length : 0] = '\0';
  if (status != Status::ok) return status;
  return std::string_view(out, length).find('\0') == std::string_view::npos ? Status::ok : Status::malformed;
}

}  // namespace esplock::json

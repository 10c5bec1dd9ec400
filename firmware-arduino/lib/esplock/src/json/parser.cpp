// The grammar: one pass, at most eight levels deep, tokens into the document's fixed pool.
#include "json/reader.h"
#include "json/string_cursor.h"

namespace esplock::json {

class Parser {
 public:
  explicit Parser(Document& document) : doc_(document), text_(document.text_) {}

  Status run() {
    doc_.count_ = 0;
    if (text_.size() > Document::maxTextBytes) return Status::too_big;
    skipSpace();
    value(0);
    skipSpace();
    if (status_ == Status::ok && at_ != text_.size()) fail(Status::malformed);
    if (status_ != Status::ok) doc_.count_ = 0;
    return status_;
  }

 private:
  using Token = Document::Token;

  bool fail(Status status) {
    if (status_ == Status::ok) status_ = status;
    return false;
  }

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }

  bool take(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void skipSpace() {
    while (!done() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }

  bool push(Type type, std::size_t start, std::uint16_t& index) {
    if (doc_.count_ >= Document::maxTokens) return fail(Status::too_big);
    index = doc_.count_++;
    doc_.tokens_[index] = Token{};
    doc_.tokens_[index].type = type;
    doc_.tokens_[index].start = static_cast<std::uint16_t>(start);
    return true;
  }

  void close(std::uint16_t index, std::size_t end) {
    Token& token = doc_.tokens_[index];
    token.length = static_cast<std::uint16_t>(end - token.start);
    token.end = doc_.count_;
  }

  bool value(std::size_t depth) {
    if (done()) return fail(Status::malformed);
    switch (peek()) {
      case '{': return object(depth);
      case '[': return array(depth);
      case '"': return string();
      case 't': return word("true", Type::boolean);
      case 'f': return word("false", Type::boolean);
      case 'n': return word("null", Type::null);
      default: return number();
    }
  }

  bool word(std::string_view expected, Type type) {
    if (text_.substr(at_, expected.size()) != expected) return fail(Status::malformed);
    std::uint16_t index = 0;
    if (!push(type, at_, index)) return false;
    at_ += expected.size();
    close(index, at_);
    return true;
  }

  bool digits() {
    const std::size_t before = at_;
    while (!done() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > before;
  }

  bool number() {
    std::uint16_t index = 0;
    if (!push(Type::number, at_, index)) return false;
    take('-');
    if (!take('0') && !digits()) return fail(Status::malformed);
    if (take('.') && !digits()) return fail(Status::malformed);
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      if (!digits()) return fail(Status::malformed);
    }
    close(index, at_);
    return true;
  }

  bool hex4(std::uint32_t& out) {
    out = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = peek();
      std::uint32_t digit = 0;
      if (c >= '0' && c <= '9') digit = static_cast<std::uint32_t>(c - '0');
      else if (c >= 'a' && c <= 'f') digit = static_cast<std::uint32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') digit = static_cast<std::uint32_t>(c - 'A' + 10);
      else return fail(Status::malformed);
      out = (out << 4) | digit;
      ++at_;
    }
    return true;
  }

  bool escape() {
    const char c = peek();
    ++at_;
    if (c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't') return true;
    if (c != 'u') return fail(Status::malformed);
    std::uint32_t unit = 0;
    if (!hex4(unit)) return false;
    if (unit >= 0xDC00 && unit <= 0xDFFF) return fail(Status::malformed);
    if (unit < 0xD800 || unit > 0xDBFF) return true;
    if (!take('\\') || !take('u') || !hex4(unit)) return fail(Status::malformed);
    return (unit >= 0xDC00 && unit <= 0xDFFF) || fail(Status::malformed);
  }

  /// One UTF-8 sequence of two to four bytes: no overlong form, no surrogate, nothing past U+10FFFF.
  bool multiByte() {
    const auto byteAt = [this](std::size_t i) {
      return i < text_.size() ? static_cast<std::uint8_t>(text_[i]) : std::uint8_t{0};
    };
    const std::uint8_t lead = byteAt(at_);
    std::size_t more = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) more = 1;
    else if (lead >= 0xE0 && lead <= 0xEF) more = 2;
    else if (lead >= 0xF0 && lead <= 0xF4) more = 3;
    else return fail(Status::malformed);
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
    for (std::size_t i = 1; i <= more; ++i) {
      const std::uint8_t next = byteAt(at_ + i);
      if (next < low || next > high) return fail(Status::malformed);
      low = 0x80;
      high = 0xBF;
    }
    at_ += more + 1;
    return true;
  }

  bool string() {
    std::uint16_t index = 0;
    ++at_;
    if (!push(Type::string, at_, index)) return false;
    while (!done()) {
      const auto c = static_cast<std::uint8_t>(text_[at_]);
      if (c == '"') {
        close(index, at_++);
        return true;
      }
      if (c < 0x20) return fail(Status::malformed);
      if (c >= 0x80) {
        if (!multiByte()) return false;
        continue;
      }
      ++at_;
      if (c == '\\' && !escape()) return false;
    }
    return fail(Status::malformed);
  }

  bool array(std::size_t depth) {
    if (depth >= Document::maxDepth) return fail(Status::too_big);
    std::uint16_t index = 0;
    if (!push(Type::array, at_++, index)) return false;
    skipSpace();
    if (!take(']')) {
      do {
        skipSpace();
        if (!value(depth + 1)) return false;
        skipSpace();
      } while (take(','));
      if (!take(']')) return fail(Status::malformed);
    }
    close(index, at_);
    adopt(index);
    return true;
  }

  bool object(std::size_t depth) {
    if (depth >= Document::maxDepth) return fail(Status::too_big);
    std::uint16_t index = 0;
    if (!push(Type::object, at_++, index)) return false;
    skipSpace();
    if (!take('}')) {
      do {
        if (!member(index, depth)) return false;
      } while (take(','));
      if (!take('}')) return fail(Status::malformed);
    }
    close(index, at_);
    adopt(index);
    return true;
  }

  bool member(std::uint16_t objectIndex, std::size_t depth) {
    skipSpace();
    if (peek() != '"') return fail(Status::malformed);
    const std::uint16_t name = doc_.count_;
    if (!string()) return false;
    if (isDuplicate(objectIndex, name)) return fail(Status::malformed);
    skipSpace();
    if (!take(':')) return fail(Status::malformed);
    skipSpace();
    if (!value(depth + 1)) return false;
    skipSpace();
    return true;
  }

  /// Names are compared decoded: "a" and "\u0061" are one name.
  bool isDuplicate(std::uint16_t objectIndex, std::uint16_t name) const {
    std::uint16_t i = static_cast<std::uint16_t>(objectIndex + 1);
    while (i < name) {
      if (sameDecoded(doc_.slice(doc_.tokens_[i]), doc_.slice(doc_.tokens_[name]))) return true;
      i = doc_.tokens_[i + 1].end;
    }
    return false;
  }

  /// Tells the children where their parent ends, so that a Value can step to its sibling.
  void adopt(std::uint16_t index) {
    const bool isObject = doc_.tokens_[index].type == Type::object;
    const std::uint16_t end = doc_.tokens_[index].end;
    std::uint16_t i = static_cast<std::uint16_t>(index + 1);
    while (i < end) {
      if (isObject) ++i;
      doc_.tokens_[i].parentEnd = end;
      i = doc_.tokens_[i].end;
    }
  }

  Document& doc_;
  std::string_view text_;
  std::size_t at_ = 0;
  Status status_ = Status::ok;
};

Status Document::parse(std::string_view text) {
  text_ = text;
  return Parser(*this).run();
}

}  // namespace esplock::json

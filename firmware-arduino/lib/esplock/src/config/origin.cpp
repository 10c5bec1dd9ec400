#include "config/origin.h"

namespace esplock {
namespace {

bool isHostChar(char c, bool bracketed) {
  if (c >= '0' && c <= '9') return true;
  if (bracketed) return (c >= 'a' && c <= 'f') || c == ':' || c == '.';
  return (c >= 'a' && c <= 'z') || c == '-' || c == '.';
}

bool parsePort(std::string_view digits, std::uint16_t& out) {
  if (digits.empty() || digits.size() > 5 || digits.front() == '0') return false;
  std::uint32_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (value > 65535) return false;
  out = static_cast<std::uint16_t>(value);
  return true;
}

}  // namespace

bool parseHttpsOrigin(std::string_view text, Origin& out) {
  constexpr std::string_view scheme = "https://";
  if (text.substr(0, scheme.size()) != scheme || text.size() > 255) return false;
  text.remove_prefix(scheme.size());
  out = Origin{};
  const bool bracketed = !text.empty() && text.front() == '[';
  if (bracketed) text.remove_prefix(1);
  const std::size_t end = text.find(bracketed ? ']' : ':');
  if (bracketed && end == std::string_view::npos) return false;
  out.host = text.substr(0, end);
  if (out.host.empty()) return false;
  for (const char c : out.host) {
    if (!isHostChar(c, bracketed)) return false;
  }
  if (!bracketed && (out.host.front() == '.' || out.host.back() == '.' || out.host.front() == '-')) return false;
  std::string_view rest = end == std::string_view::npos ? std::string_view() : text.substr(end + (bracketed ? 1 : 0));
  if (rest.empty()) return true;
  return rest.front() == ':' && parsePort(rest.substr(1), out.port);
}

}  // namespace esplock

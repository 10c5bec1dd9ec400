#include "slot_state.h"

#include <cstdio>
#include <cstring>
#include <sstream>

namespace host {
namespace {

constexpr char stateName[] = "state";
constexpr char heading[] = "openlock-slots";
constexpr const char* slotNames[] = {"factory", "a", "b"};
constexpr const char* trialNames[] = {"none", "new", "pending", "valid", "aborted"};

template <typename Enum, std::size_t N>
bool named(const char* const (&names)[N], const std::string& name, Enum& out) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name != names[i]) continue;
    out = static_cast<Enum>(i);
    return true;
  }
  return false;
}

void put(std::string& text, const char* name, const SlotContent& content) {
  text += std::string(name) + " " + std::to_string(content.size) + " ";
  for (const std::uint8_t byte : content.digest) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", byte);
    text += hex;
  }
  text += '\n';
}

bool take(std::istream& text, const char* name, SlotContent& out) {
  std::string word;
  std::string hex;
  if (!(text >> word >> out.size >> hex) || word != name || hex.size() != 2 * digestBytes) return false;
  for (std::size_t i = 0; i < digestBytes; ++i) {
    const auto digit = [&](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
    const int high = digit(hex[2 * i]);
    const int low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out.digest[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

bool parse(const std::string& bytes, SlotState& out) {
  std::istringstream text(bytes);
  std::string word;
  std::string version;
  std::string value;
  if (!(text >> word >> version) || word != heading || version != "1") return false;
  if (!(text >> word >> value) || word != "active" || !slotNamed(value, out.active)) return false;
  if (!(text >> word >> value) || word != "previous" || !slotNamed(value, out.previous)) return false;
  if (!(text >> word >> value) || word != "trial" || !named(trialNames, value, out.trial)) return false;
  return take(text, "a", out.a) && take(text, "b", out.b);
}

}  // namespace

const char* nameOf(SlotId slot) { return slotNames[static_cast<std::size_t>(slot)]; }
bool slotNamed(const std::string& name, SlotId& out) { return named(slotNames, name, out); }

void SlotState::abort() {
  active = previous;
  trial = Trial::aborted;
}

SlotState loadSlotState(FileStore& slots) {
  std::uint8_t bytes[1024];
  std::size_t length = 0;
  SlotState state;
  if (slots.read(stateName, bytes, sizeof bytes, length) != esplock::StoreResult::ok) return SlotState{};
  return parse(std::string(reinterpret_cast<const char*>(bytes), length), state) ? state : SlotState{};
}

bool saveSlotState(FileStore& slots, const SlotState& state) {
  std::string text = std::string(heading) + " 1\nactive " + nameOf(state.active) + "\nprevious " +
                     nameOf(state.previous) + "\ntrial " + trialNames[static_cast<std::size_t>(state.trial)] + "\n";
  put(text, "a", state.a);
  put(text, "b", state.b);
  return slots.write(stateName, reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

}  // namespace host

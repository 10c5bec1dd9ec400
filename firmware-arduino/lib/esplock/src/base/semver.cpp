#include "base/semver.h"

namespace esplock {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool isNumeric(std::string_view text) {
  for (const char c : text) {
    if (!isDigit(c)) return false;
  }
  return !text.empty();
}

bool isPlainNumber(std::string_view text) { return isNumeric(text) && (text.size() == 1 || text[0] != '0'); }

bool isIdentifier(std::string_view text) {
  for (const char c : text) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!isDigit(c) && !letter && c != '-') return false;
  }
  return !text.empty();
}

/// Cuts off what stands before the next dot; `rest` loses it and the dot. False when nothing was left to cut.
bool nextPart(std::string_view& rest, bool& more, std::string_view& part) {
  if (!more) return false;
  const std::size_t dot = rest.find('.');
  part = rest.substr(0, dot);
  more = dot != std::string_view::npos;
  rest = more ? rest.substr(dot + 1) : std::string_view();
  return true;
}

bool allIdentifiers(std::string_view text, bool leadingZeroAllowed) {
  std::string_view part;
  for (bool more = true; nextPart(text, more, part);) {
    if (!isIdentifier(part)) return false;
    if (!leadingZeroAllowed && isNumeric(part) && !isPlainNumber(part)) return false;
  }
  return true;
}

struct Split {
  std::string_view core;
  std::string_view preRelease;
  std::string_view build;
  bool hasPreRelease = false;
  bool hasBuild = false;
};

Split split(std::string_view text) {
  Split out;
  const std::size_t plus = text.find('+');
  out.hasBuild = plus != std::string_view::npos;
  if (out.hasBuild) out.build = text.substr(plus + 1);
  text = text.substr(0, plus);
  const std::size_t dash = text.find('-');
  out.hasPreRelease = dash != std::string_view::npos;
  if (out.hasPreRelease) out.preRelease = text.substr(dash + 1);
  out.core = text.substr(0, dash);
  return out;
}

int compareNumbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

/// Item 11.4: numbers by value, words by ASCII, a number before a word.
int compareIdentifiers(std::string_view a, std::string_view b) {
  const bool aNumeric = isNumeric(a);
  const bool bNumeric = isNumeric(b);
  if (aNumeric && bNumeric) return compareNumbers(a, b);
  if (aNumeric != bNumeric) return aNumeric ? -1 : 1;
  return a.compare(b);
}

int compareParts(std::string_view a, std::string_view b) {
  bool aMore = true;
  bool bMore = true;
  for (;;) {
    std::string_view aPart;
    std::string_view bPart;
    const bool aHas = nextPart(a, aMore, aPart);
    const bool bHas = nextPart(b, bMore, bPart);
    if (!aHas || !bHas) return static_cast<int>(aHas) - static_cast<int>(bHas);
    const int order = compareIdentifiers(aPart, bPart);
    if (order != 0) return order;
  }
}

}  // namespace

bool isVersion(std::string_view text) {
  if (text.size() > maxVersionChars) return false;
  const Split version = split(text);
  std::string_view core = version.core;
  std::string_view part;
  unsigned parts = 0;
  for (bool more = true; nextPart(core, more, part); ++parts) {
    if (!isPlainNumber(part)) return false;
  }
  if (parts != 3) return false;
  if (version.hasPreRelease && !allIdentifiers(version.preRelease, false)) return false;
  return !version.hasBuild || allIdentifiers(version.build, true);
}

int compareVersions(std::string_view a, std::string_view b) {
  const Split left = split(a);
  const Split right = split(b);
  const int core = compareParts(left.core, right.core);
  if (core != 0) return core;
  if (left.hasPreRelease != right.hasPreRelease) return left.hasPreRelease ? -1 : 1;
  return left.hasPreRelease ? compareParts(left.preRelease, right.preRelease) : 0;
}

}  // namespace esplock

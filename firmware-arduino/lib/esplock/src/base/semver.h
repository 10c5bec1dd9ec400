// Semantic Versioning 2.0.0, strictly: what a release's version is, and which of two is newer.
#pragma once

#include <cstddef>
#include <string_view>

namespace esplock {

constexpr std::size_t maxVersionChars = 64;

/// Exactly MAJOR.MINOR.PATCH with optional pre-release and build (items 2, 9, 10); to 64 characters.
bool isVersion(std::string_view text);

/// Below zero when `a` is the older, by item 11: the build counts for nothing. Both must be versions. Numbers of any
/// length are compared exactly.
int compareVersions(std::string_view a, std::string_view b);

}  // namespace esplock

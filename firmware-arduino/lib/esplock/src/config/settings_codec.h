// Settings as bytes: a head and tag-length-value records. A reader skips tags it does not know, so that an older image,
// returned to after a failed update, still reads what a newer one wrote.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"
#include "config/settings.h"
#include "crypto/crypto.h"

namespace esplock {

constexpr std::uint8_t settingsFormat = 1;          ///< what this image writes
constexpr std::uint8_t settingsReadableSince = 1;   ///< oldest image that understands it; raise when a meaning changes
constexpr std::size_t maxSettingsBytes = 6600;

Status encodeSettings(const Settings& settings, std::uint8_t* out, std::size_t capacity, std::size_t& length);

/// Starts from defaults, so that what an older image did not write gets its default (the migration of additions);
/// every value passes the same checks as one set by hand. `unsupported` when written for newer images only.
Status decodeSettings(crypto::Bytes bytes, Settings& out);

}  // namespace esplock

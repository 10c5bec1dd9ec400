#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.h"

namespace esplock {

/// Splits `text` at dots into exactly `count` parts; `malformed` when there are more or fewer.
Status splitCompact(std::string_view text, std::string_view* parts, std::size_t count);

}  // namespace esplock

#include "jose/compact.h"

namespace esplock {

Status splitCompact(std::string_view text, std::string_view* parts, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t dot = text.find('.');
    const bool last = i + 1 == count;
    if (last != (dot == std::string_view::npos)) return Status::malformed;
    parts[i] = text.substr(0, dot);
    if (!last) text.remove_prefix(dot + 1);
  }
  return Status::ok;
}

}  // namespace esplock

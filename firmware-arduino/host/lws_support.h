#pragma once

#include <libwebsockets.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace host {

/// How long a close may take before the link is simply cut (transport port: 2 s).
constexpr std::uint64_t closeLimitMs = 2'000;

inline std::uint64_t nowMs() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

inline bool addHeader(lws* wsi, const char* name, const std::string& value, unsigned char** at, unsigned char* end) {
  return lws_add_http_header_by_name(wsi, reinterpret_cast<const unsigned char*>(name),
                                     reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), at, end) == 0;
}

}  // namespace host

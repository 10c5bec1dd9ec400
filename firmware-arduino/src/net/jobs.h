// What the door's task hands to the network's. Everything is copied in: views of the core do not outlive the call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "net/handover.h"
#include "ports/https.h"

namespace board {

/// Copies with a closing NUL; false, and nothing copied, when it does not fit or holds a byte that would end a header
/// or a request line early.
template <std::size_t N>
bool copyText(std::string_view from, char (&to)[N]) {
  if (from.size() >= N) return false;
  for (const char c : from) {
    if (static_cast<unsigned char>(c) < 0x20) return false;
  }
  std::memcpy(to, from.data(), from.size());
  to[from.size()] = '\0';
  return true;
}

/// The same behind a fixed beginning.
template <std::size_t N>
bool joinText(std::string_view start, std::string_view from, char (&to)[N]) {
  char tail[N];
  if (start.size() >= N || from.size() >= N - start.size() || !copyText(from, tail)) return false;
  std::memcpy(to, start.data(), start.size());
  std::memcpy(to + start.size(), tail, from.size() + 1);
  return true;
}

struct PostJob {
  static constexpr std::size_t bodyBytes = esplock::Https::maxBodyBytes;

  explicit PostJob(std::uint8_t* shared) : body(shared) {}

  Handover turn;
  char path[129] = {};
  std::uint8_t* const body;   ///< `bodyBytes`: the request, and then the answer in its place
  std::size_t length = 0;
  int httpStatus = 0;
  esplock::TransportError error = esplock::TransportError::none;   ///< none: there is an answer
};

struct SocketJob {
  Handover turn;
  char path[129] = {};
  char authorization[8 + 129] = {};                 ///< "Bearer " and the session token
  char doorHeader[17 + 65] = {};                    ///< "X-OpenLock-Door: " and the door id
  char subprotocol[33] = {};
  std::atomic<std::uint16_t> closeCode{0};          ///< 0: stay open
};

}  // namespace board

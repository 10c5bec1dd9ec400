#pragma once

#include <NetworkClientSecure.h>

#include <cstddef>
#include <cstdint>

namespace board {

/// The connection under the socket. It notes the first two bytes of what was read last: the library reads the payload of a
/// close frame, which is the relay's code (protocol 5.6), and throws it away. The note outlives the connection.
class RelayClient final : public NetworkClientSecure {
 public:
  struct LastRead {
    std::size_t length = 0;
    std::uint16_t code = 0;
  };

  explicit RelayClient(LastRead& last) : last_(last) {}

  using NetworkClientSecure::read;
  int read(std::uint8_t* buf, std::size_t size) override {
    const int got = NetworkClientSecure::read(buf, size);
    if (got >= 2) last_ = {static_cast<std::size_t>(got), static_cast<std::uint16_t>(buf[0] << 8 | buf[1])};
    return got;
  }

 private:
  LastRead& last_;
};

}  // namespace board

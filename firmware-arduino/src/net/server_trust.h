#pragma once

#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>

#include <cstdint>
#include <string_view>

namespace board {

struct Server {
  char host[256] = {};
  std::uint16_t port = 0;
  char ca[4097] = {};

  /// Without a certificate there is no server: the libraries would take an absent one for "trust anybody".
  bool usable() const;
};

/// The relay's address and CA. The TLS libraries keep the pointer to the PEM instead of a copy, so the network's task
/// has a copy of its own, changed only between connections.
class ServerTrust {
 public:
  bool create();

  /// Door's task. An address that is no https origin leaves no server at all.
  void set(std::string_view origin, std::string_view caPem);

  /// Network's task, with no connection open.
  const Server& adopt();
  const Server& current() const { return current_; }

 private:
  SemaphoreHandle_t lock_ = nullptr;
  Server next_;
  Server current_;
};

}  // namespace board

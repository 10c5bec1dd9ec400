#include "net/server.h"

#include <cstring>

#include "config/origin.h"

namespace board {

void Server::set(const esplock::RelayAddress& relay) {
  host[0] = ca[0] = '\0';
  port = 0;
  esplock::Origin parsed;
  const bool good = esplock::parseHttpsOrigin(relay.origin, parsed) && parsed.host.size() < sizeof host &&
                    relay.caPem.size() < caBytes;
  if (!good) return;
  std::memcpy(host, parsed.host.data(), parsed.host.size());
  host[parsed.host.size()] = '\0';
  port = parsed.port;
  std::memcpy(ca, relay.caPem.data(), relay.caPem.size());
  ca[relay.caPem.size()] = '\0';
}

bool Server::usable() const {
  return host[0] != '\0' && port != 0 && std::strstr(ca, "-----BEGIN CERTIFICATE-----") != nullptr;
}

}  // namespace board

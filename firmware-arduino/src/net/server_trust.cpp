#include "net/server_trust.h"

#include <cstring>

#include "config/origin.h"

namespace board {

bool Server::usable() const {
  return host[0] != '\0' && port != 0 && std::strstr(ca, "-----BEGIN CERTIFICATE-----") != nullptr;
}

bool ServerTrust::create() {
  lock_ = xSemaphoreCreateMutex();
  return lock_ != nullptr;
}

void ServerTrust::set(std::string_view origin, std::string_view caPem) {
  esplock::Origin parsed;
  // No lock: the task could not be started for want of memory.
  if (lock_ == nullptr || xSemaphoreTake(lock_, portMAX_DELAY) != pdTRUE) return;
  next_.host[0] = next_.ca[0] = '\0';
  next_.port = 0;
  const bool good = esplock::parseHttpsOrigin(origin, parsed) && parsed.host.size() < sizeof next_.host &&
                    caPem.size() < sizeof next_.ca;
  if (good) {
    std::memcpy(next_.host, parsed.host.data(), parsed.host.size());
    next_.host[parsed.host.size()] = '\0';
    next_.port = parsed.port;
    std::memcpy(next_.ca, caPem.data(), caPem.size());
    next_.ca[caPem.size()] = '\0';
  }
  xSemaphoreGive(lock_);
}

const Server& ServerTrust::adopt() {
  if (xSemaphoreTake(lock_, portMAX_DELAY) == pdTRUE) {
    current_ = next_;
    xSemaphoreGive(lock_);
  }
  return current_;
}

}  // namespace board

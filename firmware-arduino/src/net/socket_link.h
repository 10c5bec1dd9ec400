#pragma once

#include "net/network_task.h"
#include "ports/clock.h"
#include "ports/channel.h"

namespace board {

/// The door's side of the socket: asks for it, takes events out, keeps the time limits that the library does not. Never
/// waits.
class SocketLink {
 public:
  SocketLink(NetworkTask& network, esplock::Clock& clock) : network_(network), clock_(clock) {}

  bool open(const esplock::ChannelRequest& request);
  esplock::ChannelEvent poll();
  bool send(bool binary, const void* data, std::size_t length);
  void close(std::uint16_t code);

 private:
  /// `lost`: the core has been told the end, the network's task has still to come back from the library.
  enum class Link : std::uint8_t { none, opening, open, lost };

  esplock::ChannelEvent lose();
  void drainLost();

  NetworkTask& network_;
  esplock::Clock& clock_;
  Link link_ = Link::none;
  bool eventHeld_ = false;            ///< handed out; its bytes are the core's until the next call
  std::uint64_t socketLimitMs_ = 0;   ///< 0: none
  esplock::TransportError limitError_ = esplock::TransportError::none;
};

}  // namespace board

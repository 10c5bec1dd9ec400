#pragma once

#include <WebSocketsClient.h>

#include "net/event_slot.h"
#include "net/jobs.h"
#include "net/server_trust.h"

namespace board {

/// `WebSocketsClient` for one connection at a time, used from the network's task only: it blocks while it connects.
/// What the library gets wrong for a door is put right here:
///  - no CA is no connection (the library would trust anybody),
///  - no reconnecting by itself (a fixed interval; protocol 5.6 asks for backoff),
///  - no `Origin: file://` (protocol 3.6: device routes refuse any),
///  - an upgrade counts only with the subprotocol selected (the library leaves its own word in the field).
class RelaySocket final : private WebSocketsClient {
 public:
  explicit RelaySocket(EventSlot& events) : events_(events) {}

  /// Connects and sends the upgrade; ends in `opened` or `refused` after some turns.
  void open(const Server& server, const SocketJob& job);

  /// One turn of the library. False once the last event has been taken over by the slot.
  bool turn();

  bool isOpen() const { return run_.opened && !run_.ended; }
  bool send(bool binary, const std::uint8_t* data, std::size_t length);
  void close(std::uint16_t code);

 private:
  void runCbEvent(WStype_t type, uint8_t* payload, size_t length) override;
  void clientDisconnect(WSclient_t* client) override;
  void deliver(esplock::ChannelEventKind kind, const std::uint8_t* data, std::size_t length);
  void end();

  /// What is known of one connection; begun anew with each.
  struct Run {
    bool opened = false;
    bool ended = false;
    bool lastWaiting = false;      ///< `last` still has to get into the slot
    bool protocolBroken = false;
    bool closedByRelay = false;
    std::uint16_t closeWanted = 0;
    int httpStatus = 0;
    esplock::TransportError tlsError = esplock::TransportError::unreachable;
    EventSlot::Event last;
  };

  EventSlot& events_;
  char subprotocol_[33] = {};
  Run run_;
};

}  // namespace board

#pragma once

#include <WebSocketsClient.h>

#include <string_view>

#include "net/event_slot.h"
#include "net/jobs.h"
#include "net/relay_client.h"
#include "net/server.h"

namespace board {

/// `WebSocketsClient` for one connection at a time, used from the network's task only: it blocks while it connects.
/// What the library gets wrong for a door is put right here:
///  - it is connected here, because its own way sets no limit to the handshake and forgets why it failed,
///  - no CA is no connection (the library would trust anybody),
///  - no reconnecting by itself (a fixed interval; protocol 5.6 asks for backoff),
///  - no `Origin: file://` (protocol 3.6: device routes refuse any),
///  - an upgrade counts only with the subprotocol selected (the library leaves its own word in the field),
///  - the status of a refused upgrade is read out of the words the library has for it,
///    and the code of a close frame on its way past (RelayClient).
class RelaySocket final : private WebSocketsClient {
 public:
  explicit RelaySocket(EventSlot& events) : events_(events) {}

  /// Connects and sends the upgrade; ends in `opened` or `refused` after some turns.
  void open(const Server& server, const SocketJob& job);

  /// One turn of the library. False once the last event has been taken over by the slot.
  bool turn();

  bool isOpen() const { return run_.opened && !run_.ended; }
  /// True: the library has taken all of it.
  bool send(bool binary, const std::uint8_t* data, std::size_t length) {
    return binary ? sendBIN(data, length) : sendTXT(data, length);
  }
  void close(std::uint16_t code);

 private:
  void runCbEvent(WStype_t type, uint8_t* payload, size_t length) override;
  void deliver(esplock::ChannelEventKind kind, const std::uint8_t* data, std::size_t length);
  void refuse(esplock::TransportError error, int httpStatus);
  void onDisconnected(std::string_view reason);

  /// What is known of one connection; begun anew with each.
  struct Run {
    bool opened = false;
    bool ended = false;
    bool lastWaiting = false;      ///< `last` still has to get into the slot
    bool protocolBroken = false;
    std::uint16_t closeWanted = 0;
    RelayClient::LastRead lastRead;
    EventSlot::Event last;
  };

  EventSlot& events_;
  const char* subprotocol_ = "";   ///< the job's
  Run run_;
};

}  // namespace board

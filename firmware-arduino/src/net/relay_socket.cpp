#include "net/relay_socket.h"

#include <Arduino.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

#include <climits>
#include <cstring>
#include <memory>
#include <new>

#include "net/close_codes.h"
#include "net/relay_client.h"
#include "net/tls.h"
#include "net/upgrade_status.h"

namespace board {

using esplock::ChannelEventKind;
using esplock::TransportError;

void RelaySocket::open(const Server& server, const SocketJob& job) {
  run_ = Run{};
  subprotocol_ = job.subprotocol;
  if (!server.usable()) return refuse(TransportError::untrusted, 0);
  // With a client's certificate of its own, none: no other call sets these two pointers, and loop() follows them.
  beginSslWithClientKey(server.host, server.port, job.path, server.ca, nullptr, nullptr, job.subprotocol);
  setReconnectInterval(ULONG_MAX);
  setExtraHeaders(job.doorHeader);
  setAuthorization(job.authorization);
  std::unique_ptr<RelayClient> tls(new (std::nothrow) RelayClient(run_.lastRead));
  if (tls == nullptr) return refuse(TransportError::out_of_memory, 0);
  tls->setCACert(server.ca);
  tls->setHandshakeTimeout(handshakeSeconds);
  if (tls->connect(server.host, server.port, connectMs) == 0) return refuse(tlsErrorOf(*tls), 0);
  _client.ssl = tls.release();   // the library deletes it
  _client.tcp = _client.ssl;
  connectedCb();
  // What the library leaves standing: from here on both can only come from the relay.
  _client.cProtocol = "";
  _client.cWsHeaderDecode = {};
}

bool RelaySocket::turn() {
  if (!run_.ended) {
    loop();
    if (run_.closeWanted != 0 && !run_.ended) WebSockets::clientDisconnect(&_client, run_.closeWanted);
  }
  if (run_.lastWaiting && events_.isFree()) {
    events_.publish(run_.last);
    run_.lastWaiting = false;
  }
  return !run_.ended || run_.lastWaiting;
}

void RelaySocket::close(std::uint16_t code) {
  if (!run_.ended && run_.closeWanted == 0) run_.closeWanted = code;
}

void RelaySocket::runCbEvent(WStype_t type, uint8_t* payload, size_t length) {
  // Closing frees the library's buffers, so in here it is only noted, and done after loop() has come back.
  switch (type) {
    case WStype_CONNECTED:
      run_.opened = _client.cProtocol == subprotocol_;
      run_.protocolBroken = !run_.opened;
      if (run_.protocolBroken) return close(closeWentBad);
      return deliver(ChannelEventKind::opened, nullptr, 0);
    case WStype_TEXT: return deliver(ChannelEventKind::text, payload, length);
    case WStype_BIN: return deliver(ChannelEventKind::binary, payload, length);
    case WStype_FRAGMENT_TEXT_START:
    case WStype_FRAGMENT_BIN_START:
    case WStype_FRAGMENT:
    case WStype_FRAGMENT_FIN: return close(closeNotUnderstood);   // one frame a message (protocol 4.6)
    case WStype_DISCONNECTED:
      return onDisconnected(length == 0 ? std::string_view{} : std::string_view{reinterpret_cast<char*>(payload), length});
    default: return;
  }
}

void RelaySocket::deliver(ChannelEventKind kind, const std::uint8_t* data, std::size_t length) {
  if (run_.closeWanted != 0) return;
  if (length > esplock::Channel::maxFrameBytes) return close(closeTooBig);
  // A door that does not look for five seconds is stuck.
  for (int i = 0; i < 500 && !events_.isFree(); ++i) vTaskDelay(pdMS_TO_TICKS(10));
  if (!events_.isFree()) return close(closeInternal);
  EventSlot::Event event;
  event.kind = kind;
  event.httpStatus = kind == ChannelEventKind::opened ? 101 : 0;
  event.length = length;
  if (length > 0) std::memcpy(events_.bytes, data, length);
  events_.publish(event);
}

void RelaySocket::refuse(TransportError error, int httpStatus) {
  run_.ended = run_.lastWaiting = true;
  run_.last.kind = ChannelEventKind::refused;
  run_.last.error = error;
  run_.last.httpStatus = httpStatus;
}

void RelaySocket::onDisconnected(std::string_view reason) {
  if (run_.ended) return;
  if (!run_.opened) {
    const int status = statusIn(reason);
    // 101 and refused all the same: what it said to the key was wrong.
    if (run_.protocolBroken || status == 101) return refuse(TransportError::protocol, 0);
    if (status != 0) return refuse(TransportError::none, status);
    return refuse(reason == "Header response timeout" ? TransportError::timeout : TransportError::unreachable, 0);
  }
  run_.ended = run_.lastWaiting = true;
  run_.last.kind = ChannelEventKind::closed;
  const WSMessageHeader_t& header = _client.cWsHeaderDecode;
  if (run_.closeWanted != 0 || header.opCode != WSop_close) run_.last.closeCode = closeAbnormal;
  else if (header.payloadLen < 2 || header.payloadLen != run_.lastRead.length) run_.last.closeCode = closeNoStatus;
  else run_.last.closeCode = run_.lastRead.code;
}

}  // namespace board

#include "net/relay_socket.h"

#include <Arduino.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

#include <climits>
#include <cstring>

#include "net/close_codes.h"
#include "net/tls_error.h"

namespace board {

using esplock::ChannelEventKind;
using esplock::TransportError;

void RelaySocket::open(const Server& server, const SocketJob& job) {
  run_ = Run{};
  std::memcpy(subprotocol_, job.subprotocol, sizeof subprotocol_);
  if (!server.usable()) {
    run_.tlsError = TransportError::untrusted;
    return end();
  }
  beginSslWithCA(server.host, server.port, job.path, server.ca, job.subprotocol);
  setExtraHeaders(job.doorHeader);
  setAuthorization(job.authorization);
  setReconnectInterval(0);
  loop();
  setReconnectInterval(ULONG_MAX);
  _client.cProtocol = "";   // from here on it can only come from the relay's answer
}

bool RelaySocket::turn() {
  if (!run_.ended) {
    loop();
    if (run_.closeWanted != 0 && !run_.ended) WebSockets::clientDisconnect(&_client, run_.closeWanted);
    if (!run_.ended && _client.tcp == nullptr) end();   // out of memory: the library says nothing
  }
  if (run_.lastWaiting && events_.isFree()) {
    events_.publish(run_.last);
    run_.lastWaiting = false;
  }
  return !run_.ended || run_.lastWaiting;
}

bool RelaySocket::send(bool binary, const std::uint8_t* data, std::size_t length) {
  return binary ? sendBIN(data, length) : sendTXT(data, length);
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
    case WStype_DISCONNECTED: return end();
    default: return;
  }
}

void RelaySocket::clientDisconnect(WSclient_t* client) {
  // Last look before the library forgets. It does not keep the code of a close frame; a refused upgrade tells the rest
  // when the door comes back (401, 403).
  run_.httpStatus = client->cCode;
  run_.closedByRelay = run_.opened && run_.closeWanted == 0 && client->cWsHeaderDecode.opCode == WSop_close;
  run_.tlsError = TransportError::timeout;   // connected, and then no answer
  if (client->ssl != nullptr && client->status == WSC_NOT_CONNECTED) {
    char text[80];
    run_.tlsError = tlsErrorOf(client->ssl->lastError(text, sizeof text));
  }
  WebSocketsClient::clientDisconnect(client);
}

void RelaySocket::deliver(ChannelEventKind kind, const std::uint8_t* data, std::size_t length) {
  if (run_.closeWanted != 0) return;
  if (length > sizeof events_.bytes) return close(closeTooBig);
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

void RelaySocket::end() {
  if (run_.ended) return;
  run_.ended = run_.lastWaiting = true;
  run_.last.kind = run_.opened ? ChannelEventKind::closed : ChannelEventKind::refused;
  if (run_.opened) {
    run_.last.closeCode = run_.closedByRelay ? closeNoStatus : closeAbnormal;
    return;
  }
  run_.last.httpStatus = run_.protocolBroken ? 0 : run_.httpStatus;
  if (run_.protocolBroken || run_.httpStatus == 101) run_.last.error = TransportError::protocol;
  else if (run_.httpStatus == 0) run_.last.error = run_.tlsError;
}

}  // namespace board

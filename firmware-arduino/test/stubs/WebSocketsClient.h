// Mirrors WebSocketsClient.h of links2004/WebSockets 2.7.3, for ESP32.
// Its habits, as its source has them: loop() connects by itself, without a limit to the handshake, and insecurely without a
// CA; the pointer to the PEM is kept; `Origin: file://` is said; the subprotocol asked for stands where the one selected
// belongs. The pointers to a client certificate are set by beginSslWithClientKey() alone, not by the constructor, and
// loop() follows them. The end of a connection, a refused upgrade too, comes as DISCONNECTED with a text, through the
// two-argument clientDisconnect, which is not virtual:
//   "WebSocket handshake failed - HTTP 401"   the usual refusal
//   "HTTP 401"                                a refusal that says `Connection: upgrade`
//   "Header response timeout", "Connection lost", "TCP connection cleanup" (a failed connect), or none at all
#pragma once

#include "WebSockets.h"

class WebSocketsClient : protected WebSockets {
 public:
  typedef std::function<void(WStype_t type, uint8_t* payload, size_t length)> WebSocketClientEvent;

  WebSocketsClient(void);
  virtual ~WebSocketsClient(void);

  void begin(const char* host, uint16_t port, const char* url = "/", const char* protocol = "arduino");
  void beginSslWithCA(const char* host, uint16_t port, const char* url = "/", const char* CA_cert = NULL,
                      const char* protocol = "arduino");
  void beginSslWithClientKey(const char* host, uint16_t port, const char* url, const char* CA_cert,
                             const char* clientCert, const char* clientPrivateKey, const char* protocol = "arduino");
  void loop(void);
  void onEvent(WebSocketClientEvent cbEvent) { _cbEvent = cbEvent; }

  bool sendTXT(uint8_t* payload, size_t length = 0, bool headerToPayload = false);
  bool sendTXT(const uint8_t* payload, size_t length = 0);
  bool sendTXT(char* payload, size_t length = 0, bool headerToPayload = false);
  bool sendTXT(const char* payload, size_t length = 0);
  bool sendTXT(String& payload);
  bool sendTXT(char payload);
  bool sendBIN(uint8_t* payload, size_t length, bool headerToPayload = false);
  bool sendBIN(const uint8_t* payload, size_t length);
  bool sendPing(uint8_t* payload = NULL, size_t length = 0);

  void disconnect(void);
  void setAuthorization(const char* user, const char* password);
  void setAuthorization(const char* auth);
  void setExtraHeaders(const char* extraHeaders = NULL);
  void setReconnectInterval(unsigned long time);
  bool isConnected(void);

 protected:
  String _host;
  uint16_t _port;
  String _fingerprint;
  const char* _CA_cert;
  const char* _client_cert;
  const char* _client_key;
  WSclient_t _client;
  WebSocketClientEvent _cbEvent;
  unsigned long _lastConnectionFail;
  unsigned long _reconnectInterval;
  unsigned long _lastHeaderSent;

  void messageReceived(WSclient_t* client, WSopcode_t opcode, uint8_t* payload, size_t length, bool fin);
  void clientDisconnect(WSclient_t* client) { clientDisconnect(client, NULL); }
  void clientDisconnect(WSclient_t* client, const char* reason = NULL);
  bool clientIsConnected(WSclient_t* client);
  void handleClientData(void);
  void sendHeader(WSclient_t* client);
  void connectedCb();
  void connectFailedCb();
  virtual void runCbEvent(WStype_t type, uint8_t* payload, size_t length) {
    if (_cbEvent) _cbEvent(type, payload, length);
  }
};

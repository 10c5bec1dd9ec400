// The part of links2004/WebSockets 2.7.3 that a subclass sees, with its habits: it connects inside loop(), goes insecure
// without a CA, keeps the pointer to the PEM, reconnects by itself, says `Origin: file://`, and leaves the subprotocol
// asked for in the field where the one selected belongs.
#pragma once

#include "NetworkClientSecure.h"

typedef enum { WSC_NOT_CONNECTED, WSC_HEADER, WSC_BODY, WSC_CONNECTED } WSclientsStatus_t;
typedef enum {
  WStype_ERROR,
  WStype_DISCONNECTED,
  WStype_CONNECTED,
  WStype_TEXT,
  WStype_BIN,
  WStype_FRAGMENT_TEXT_START,
  WStype_FRAGMENT_BIN_START,
  WStype_FRAGMENT,
  WStype_FRAGMENT_FIN,
  WStype_PING,
  WStype_PONG,
} WStype_t;
typedef enum { WSop_continuation = 0, WSop_text = 1, WSop_binary = 2, WSop_close = 8, WSop_ping = 9 } WSopcode_t;
typedef struct {
  WSopcode_t opCode;
} WSMessageHeader_t;

struct WSclient_t {
  WSclientsStatus_t status = WSC_NOT_CONNECTED;
  WiFiClientSecure* tcp = nullptr;
  bool isSSL = false;
  WiFiClientSecure* ssl = nullptr;
  String cUrl;
  uint16_t cCode = 0;
  String cProtocol;
  WSMessageHeader_t cWsHeaderDecode{WSop_continuation};
  String plainAuthorization;
  String extraHeaders;
};

class WebSockets {
 public:
  virtual ~WebSockets() = default;

 protected:
  virtual void clientDisconnect(WSclient_t* client) = 0;
  void clientDisconnect(WSclient_t* client, uint16_t code, char* reason = nullptr, size_t reasonLength = 0);
};

class WebSocketsClient : protected WebSockets {
 public:
  WebSocketsClient() { _client.extraHeaders = "Origin: file://"; }
  ~WebSocketsClient() override { delete _client.ssl; }
  void beginSslWithCA(const char* host, uint16_t port, const char* url = "/", const char* CA_cert = nullptr,
                      const char* protocol = "arduino");
  void loop(void);
  bool sendTXT(const uint8_t* payload, size_t length = 0);
  bool sendBIN(const uint8_t* payload, size_t length);
  void setAuthorization(const char* auth) { _client.plainAuthorization = auth; }
  void setExtraHeaders(const char* extraHeaders = nullptr) { _client.extraHeaders = extraHeaders; }
  void setReconnectInterval(unsigned long time) { _reconnectInterval = time; }

 protected:
  WSclient_t _client;
  void clientDisconnect(WSclient_t* client) override;
  virtual void runCbEvent(WStype_t, uint8_t*, size_t) {}

 private:
  void connect();
  void step();

  String _host;
  uint16_t _port = 0;
  const char* _CA_cert = nullptr;
  unsigned long _lastConnectionFail = 0;
  unsigned long _reconnectInterval = 500;
};

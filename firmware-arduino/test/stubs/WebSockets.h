// Mirrors WebSockets.h of links2004/WebSockets 2.7.3, for ESP32.
// Virtual are only the one-argument clientDisconnect, clientIsConnected, messageReceived and write.
#pragma once

#include <functional>

#include "Arduino.h"
#include "WiFi.h"
#include "WiFiClientSecure.h"

#define WEBSOCKETS_TCP_TIMEOUT (5000)
#define WEBSOCKETS_MAX_HEADER_SIZE (14)

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
typedef enum {
  WSop_continuation = 0x00,
  WSop_text = 0x01,
  WSop_binary = 0x02,
  WSop_close = 0x08,
  WSop_ping = 0x09,
  WSop_pong = 0x0A
} WSopcode_t;
typedef struct {
  bool fin;
  bool rsv1;
  bool rsv2;
  bool rsv3;
  WSopcode_t opCode;
  bool mask;
  size_t payloadLen;
  uint8_t* maskKey;
} WSMessageHeader_t;

typedef struct {
  uint8_t num = 0;
  WSclientsStatus_t status = WSC_NOT_CONNECTED;
  NetworkClient* tcp = nullptr;
  bool isSocketIO = false;
  bool isSSL = false;
  WiFiClientSecure* ssl = nullptr;
  String cUrl;
  uint16_t cCode = 0;
  bool cIsClient = false;
  bool cIsUpgrade = false;
  bool cIsWebsocket = false;
  String cProtocol;
  WSMessageHeader_t cWsHeaderDecode;
  String plainAuthorization;
  String extraHeaders;
} WSclient_t;

class WebSockets {
 protected:
  virtual void clientDisconnect(WSclient_t* client) = 0;
  virtual bool clientIsConnected(WSclient_t* client) = 0;
  void clientDisconnect(WSclient_t* client, uint16_t code, char* reason = NULL, size_t reasonLen = 0);
  virtual void messageReceived(WSclient_t* client, WSopcode_t opcode, uint8_t* payload, size_t length, bool fin) = 0;
  bool sendFrame(WSclient_t* client, WSopcode_t opcode, uint8_t* payload = NULL, size_t length = 0, bool fin = true,
                 bool headerToPayload = false);
  virtual size_t write(WSclient_t* client, uint8_t* out, size_t n);
};

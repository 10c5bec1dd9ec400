// WiFi, TLS, HTTP and WebSocket of the stubs.
#include <algorithm>

#include "HTTPClient.h"
#include "WebSocketsClient.h"
#include "WiFi.h"

using stub::world;

WiFiClass WiFi;

bool WiFiGenericClass::mode(wifi_mode_t mode) {
  world().radioOn = mode != WIFI_MODE_NULL;
  world().radioEverOff = world().radioEverOff || !world().radioOn;
  return true;
}
bool WiFiSTAClass::disconnectAsync(bool wifioff, bool) {
  if (wifioff) WiFi.mode(WIFI_MODE_NULL);
  world().wifiStatus = WL_DISCONNECTED;
  return true;
}
bool WiFiSTAClass::disconnect(bool wifioff, bool eraseap, unsigned long timeoutLength) {
  world().nowMs += timeoutLength;
  return disconnectAsync(wifioff, eraseap);
}
wl_status_t WiFiSTAClass::begin(const char* ssid, const char* passphrase, int32_t, const uint8_t*, bool) {
  world().wifiJoins.push_back(std::string(ssid) + "/" + (passphrase == nullptr ? "(open)" : passphrase));
  return WL_DISCONNECTED;
}

namespace {
// What stands in a member that no constructor sets: anything. Following it is counted instead of crashing.
const char wild[] = "wild";
}  // namespace

NetworkClientSecure::NetworkClientSecure() = default;
NetworkClientSecure::~NetworkClientSecure() = default;
void NetworkClientSecure::stop() { _connected = false; }
uint8_t NetworkClientSecure::connected() { return _connected; }
void NetworkClientSecure::setInsecure() {
  ++world().setInsecureCalls;
  _use_insecure = true;
}
void NetworkClientSecure::setCACert(const char* rootCA) {
  _CA_cert = rootCA;
}
void NetworkClientSecure::setCertificate(const char* client_ca) { _cert = client_ca; }
void NetworkClientSecure::setPrivateKey(const char* private_key) { _private_key = private_key; }
void NetworkClientSecure::setHandshakeTimeout(unsigned long handshake_timeout) {
  handshakeMs_ = handshake_timeout * 1000;
  world().handshakeSeconds.push_back(handshake_timeout);
}
int NetworkClientSecure::lastError(char* buf, const size_t size) {
  if (size > 0) buf[0] = '\0';
  return lastError_;
}
int NetworkClientSecure::read(uint8_t* buf, size_t size) {
  const size_t length = waiting_.size() < size ? waiting_.size() : size;
  std::copy_n(waiting_.begin(), length, buf);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(length));
  return length > 0 ? static_cast<int>(length) : -1;
}
int NetworkClientSecure::connect(const char*, uint16_t, int32_t timeout) {
  ++world().connects;
  _timeout = timeout;
  if (_cert == wild || _private_key == wild) ++world().wildPointers;
  if (_CA_cert == nullptr && !_use_insecure) {
    lastError_ = -1;
    return 0;
  }
  if (_CA_cert != nullptr) world().cas.emplace_back(_CA_cert);
  const bool tooSlow = world().handshakeTakesMs > handshakeMs_;
  world().nowMs += tooSlow ? handshakeMs_ : world().handshakeTakesMs;
  lastError_ = tooSlow ? -1 : world().connectError;
  _connected = lastError_ == 0;
  return _connected ? 1 : 0;
}

bool HTTPClient::begin(NetworkClient& client, String, uint16_t, String uri, bool https) {
  client_ = static_cast<NetworkClientSecure*>(&client);
  path_ = uri.c_str();
  return https;
}
void HTTPClient::addHeader(const String&, const String&, bool, bool) {}
int HTTPClient::POST(uint8_t* payload, size_t size) {
  if (client_->connect("", 0, 0) == 0) return HTTPC_ERROR_CONNECTION_REFUSED;
  answer_ = world().http ? world().http(path_, std::string(reinterpret_cast<const char*>(payload), size))
                         : stub::HttpAnswer{HTTPC_ERROR_CONNECTION_REFUSED, "", 0};
  client_->stubFails(answer_.tlsError);
  return answer_.code;
}
int HTTPClient::getSize() { return static_cast<int>(answer_.body.size()); }
int HTTPClient::writeToStream(Stream* stream) {
  // In pieces, as the library does it.
  for (std::size_t at = 0; at < answer_.body.size(); at += 1460) {
    const std::size_t part = answer_.body.size() - at < 1460 ? answer_.body.size() - at : 1460;
    if (stream->write(reinterpret_cast<const uint8_t*>(answer_.body.data()) + at, part) != part) {
      return HTTPC_ERROR_STREAM_WRITE;
    }
  }
  return static_cast<int>(answer_.body.size());
}

// ---- WebSocket ----

void WebSockets::clientDisconnect(WSclient_t* client, uint16_t code, char*, size_t) {
  if (client->status == WSC_CONNECTED && code != 0) world().closeCodes.push_back(code);
  clientDisconnect(client);
}
bool WebSockets::sendFrame(WSclient_t* client, WSopcode_t, uint8_t* payload, size_t length, bool, bool) {
  if (client->tcp == nullptr || !client->tcp->connected() || client->status != WSC_CONNECTED) return false;
  return write(client, payload, length) == length;
}
size_t WebSockets::write(WSclient_t* client, uint8_t* out, size_t n) {
  if (world().sendFails) {
    client->tcp->stop();   // as the secure client does when a write fails
    return 0;
  }
  world().sent.emplace_back(reinterpret_cast<const char*>(out), n);
  return n;
}

WebSocketsClient::WebSocketsClient() {
  _client_cert = _client_key = wild;
  _CA_cert = wild;
  _client.cIsClient = true;
  _client.extraHeaders = "Origin: file://";
  _reconnectInterval = 500;
  _port = 0;
}
WebSocketsClient::~WebSocketsClient() { disconnect(); }
void WebSocketsClient::begin(const char* host, uint16_t port, const char* url, const char* protocol) {
  _host = host;
  _port = port;
  _fingerprint = "";
  _CA_cert = nullptr;
  _client.status = WSC_NOT_CONNECTED;
  _client.tcp = nullptr;
  _client.isSSL = false;
  _client.ssl = nullptr;
  _client.cUrl = url;
  _client.cCode = 0;
  _client.cProtocol = protocol;
  _client.plainAuthorization = "";
  _lastConnectionFail = 0;
  _lastHeaderSent = 0;
}
void WebSocketsClient::beginSslWithCA(const char* host, uint16_t port, const char* url, const char* CA_cert,
                                      const char* protocol) {
  begin(host, port, url, protocol);
  _client.isSSL = true;
  _CA_cert = CA_cert;
}
void WebSocketsClient::beginSslWithClientKey(const char* host, uint16_t port, const char* url, const char* CA_cert,
                                             const char* clientCert, const char* clientPrivateKey,
                                             const char* protocol) {
  beginSslWithCA(host, port, url, CA_cert, protocol);
  _client_cert = clientCert;
  _client_key = clientPrivateKey;
}
void WebSocketsClient::setAuthorization(const char* auth) {
  if (auth != nullptr) _client.plainAuthorization = auth;
}
void WebSocketsClient::setExtraHeaders(const char* extraHeaders) { _client.extraHeaders = extraHeaders; }
void WebSocketsClient::setReconnectInterval(unsigned long time) { _reconnectInterval = time; }
bool WebSocketsClient::isConnected() { return _client.status == WSC_CONNECTED; }
void WebSocketsClient::disconnect() {
  if (clientIsConnected(&_client)) WebSockets::clientDisconnect(&_client, 1000);
}

void WebSocketsClient::clientDisconnect(WSclient_t* client, const char* reason) {
  const bool event = client->tcp != nullptr;
  delete client->ssl;
  client->ssl = nullptr;
  client->tcp = nullptr;
  client->cCode = 0;
  client->status = WSC_NOT_CONNECTED;
  _lastConnectionFail = millis();
  if (!event) return;
  std::string text = reason == nullptr ? "" : reason;
  runCbEvent(WStype_DISCONNECTED, text.empty() ? nullptr : reinterpret_cast<uint8_t*>(text.data()), text.size());
}
bool WebSocketsClient::clientIsConnected(WSclient_t* client) {
  if (client->tcp == nullptr) return false;
  const bool up = client->tcp->connected() != 0;
  if (up && client->status != WSC_NOT_CONNECTED) return true;
  clientDisconnect(client, !up && client->status != WSC_NOT_CONNECTED ? "Connection lost" : "TCP connection cleanup");
  return false;
}
void WebSocketsClient::loop() {
  if (_port == 0) return;
  if (clientIsConnected(&_client)) return handleClientData();
  if (millis() - _lastConnectionFail < _reconnectInterval) return;
  _client.ssl = new WiFiClientSecure();
  _client.tcp = _client.ssl;
  if (_CA_cert != nullptr) {
    if (_client_cert != nullptr && _client_key != nullptr) {
      _client.ssl->setCertificate(_client_cert);
      _client.ssl->setPrivateKey(_client_key);
    }
    _client.ssl->setCACert(_CA_cert);
  } else {
    _client.ssl->setInsecure();
  }
  if (_client.tcp->connect(_host.c_str(), _port, WEBSOCKETS_TCP_TIMEOUT) != 0) {
    connectedCb();
    _lastConnectionFail = 0;
  } else {
    connectFailedCb();
    _lastConnectionFail = millis();
  }
}
void WebSocketsClient::connectFailedCb() {}
void WebSocketsClient::connectedCb() {
  _client.status = WSC_HEADER;
  _client.tcp->setTimeout(WEBSOCKETS_TCP_TIMEOUT);
  _client.tcp->setNoDelay(true);
  sendHeader(&_client);
}
void WebSocketsClient::sendHeader(WSclient_t* client) {
  world().handshake = std::string("GET ") + client->cUrl.c_str() + " HTTP/1.1\r\nHost: " + _host.c_str() + ":" +
                      std::to_string(_port) + "\r\nSec-WebSocket-Protocol: " + client->cProtocol.c_str() + "\r\n" +
                      client->extraHeaders.c_str() + "\r\nAuthorization: " + client->plainAuthorization.c_str() + "\r\n";
  _lastHeaderSent = millis();
}
void WebSocketsClient::handleClientData() {
  if (_client.status == WSC_HEADER && millis() - _lastHeaderSent > WEBSOCKETS_TCP_TIMEOUT) {
    return clientDisconnect(&_client, "Header response timeout");
  }
  if (world().steps.empty()) return;
  const stub::SocketStep next = world().steps.front();
  world().steps.pop_front();
  stub::Blob bytes(next.text.begin(), next.text.end());
  const auto take = [&](WSopcode_t opcode, bool fin) {
    _client.cWsHeaderDecode.opCode = opcode;
    _client.cWsHeaderDecode.payloadLen = bytes.size();
    messageReceived(&_client, opcode, bytes.data(), bytes.size(), fin);
  };
  switch (next.kind) {
    case stub::SocketStep::Kind::upgrade: {
      _client.cCode = static_cast<uint16_t>(next.httpStatus);
      if (!next.text.empty()) _client.cProtocol = next.text.c_str();
      const std::string code = "HTTP " + std::to_string(next.httpStatus);
      if (next.httpStatus != 101) {
        return clientDisconnect(&_client, (next.saysUpgrade ? code : "WebSocket handshake failed - " + code).c_str());
      }
      _client.status = WSC_CONNECTED;
      return runCbEvent(WStype_CONNECTED, nullptr, 0);
    }
    case stub::SocketStep::Kind::text: return take(WSop_text, true);
    case stub::SocketStep::Kind::binary: return take(WSop_binary, true);
    case stub::SocketStep::Kind::fragment: return take(WSop_text, false);
    case stub::SocketStep::Kind::close:
      // The library reads the code and forgets it.
      _client.cWsHeaderDecode.opCode = WSop_close;
      _client.cWsHeaderDecode.payloadLen = next.httpStatus == 0 ? 0 : 2;
      if (next.httpStatus != 0) {
        uint8_t code[2] = {static_cast<uint8_t>(next.httpStatus >> 8), static_cast<uint8_t>(next.httpStatus & 0xFF)};
        _client.ssl->stubReceives({code, code + 2});
        _client.tcp->read(code, sizeof code);
      }
      return WebSockets::clientDisconnect(&_client, 1000);
    case stub::SocketStep::Kind::cut: return _client.tcp->stop();
  }
}
void WebSocketsClient::messageReceived(WSclient_t*, WSopcode_t opcode, uint8_t* payload, size_t length, bool fin) {
  WStype_t type = WStype_ERROR;
  if (opcode == WSop_text) type = fin ? WStype_TEXT : WStype_FRAGMENT_TEXT_START;
  if (opcode == WSop_binary) type = fin ? WStype_BIN : WStype_FRAGMENT_BIN_START;
  runCbEvent(type, payload, length);
}
bool WebSocketsClient::sendTXT(uint8_t* payload, size_t length, bool) {
  return clientIsConnected(&_client) && sendFrame(&_client, WSop_text, payload, length);
}
bool WebSocketsClient::sendTXT(const uint8_t* payload, size_t length) {
  return sendTXT(const_cast<uint8_t*>(payload), length);
}
bool WebSocketsClient::sendBIN(uint8_t* payload, size_t length, bool) {
  return clientIsConnected(&_client) && sendFrame(&_client, WSop_binary, payload, length);
}
bool WebSocketsClient::sendBIN(const uint8_t* payload, size_t length) {
  return sendBIN(const_cast<uint8_t*>(payload), length);
}

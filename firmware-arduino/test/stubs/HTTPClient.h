// Mirrors HTTPClient.h of arduino-esp32 3.3.11.
#pragma once
#include "NetworkClientSecure.h"
#define HTTPC_ERROR_CONNECTION_REFUSED (-1)
#define HTTPC_ERROR_SEND_HEADER_FAILED (-2)
#define HTTPC_ERROR_SEND_PAYLOAD_FAILED (-3)
#define HTTPC_ERROR_NOT_CONNECTED (-4)
#define HTTPC_ERROR_CONNECTION_LOST (-5)
#define HTTPC_ERROR_NO_STREAM (-6)
#define HTTPC_ERROR_NO_HTTP_SERVER (-7)
#define HTTPC_ERROR_TOO_LESS_RAM (-8)
#define HTTPC_ERROR_ENCODING (-9)
#define HTTPC_ERROR_STREAM_WRITE (-10)
#define HTTPC_ERROR_READ_TIMEOUT (-11)
class HTTPClient {
 public:
  HTTPClient() {}
  ~HTTPClient() {}
  bool begin(NetworkClient& client, String url);
  bool begin(NetworkClient& client, String host, uint16_t port, String uri = "/", bool https = false);
  void end(void) {}
  void setReuse(bool) {}   // true unless told
  void setUserAgent(const String&) {}
  void setConnectTimeout(int32_t) {}
  void setTimeout(uint16_t) {}
  int POST(uint8_t* payload, size_t size);
  int POST(String payload);
  void addHeader(const String& name, const String& value, bool first = false, bool replace = true);
  int getSize(void);
  int writeToStream(Stream* stream);   // takes a buffer of up to 4096 bytes from the heap

 private:
  NetworkClientSecure* client_ = nullptr;
  std::string path_;
  stub::HttpAnswer answer_;
};

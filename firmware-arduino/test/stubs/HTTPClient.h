#pragma once
#include "NetworkClientSecure.h"
#define HTTPC_ERROR_CONNECTION_REFUSED (-1)
#define HTTPC_ERROR_NO_HTTP_SERVER (-7)
#define HTTPC_ERROR_STREAM_WRITE (-10)
#define HTTPC_ERROR_READ_TIMEOUT (-11)
class HTTPClient {
 public:
  void setReuse(bool) {}
  void setConnectTimeout(int32_t) {}
  void setTimeout(uint16_t) {}
  void setUserAgent(const String&) {}
  bool begin(NetworkClient& client, String host, uint16_t port, String uri = "/", bool https = false);
  void addHeader(const String& name, const String& value, bool first = false, bool replace = true);
  int POST(uint8_t* payload, size_t size);
  int getSize();
  int writeToStream(Stream* stream);
  void end() {}

 private:
  NetworkClientSecure* client_ = nullptr;
  std::string path_;
  stub::HttpAnswer answer_;
};

#include "net/https_post.h"

#include <HTTPClient.h>
#include <NetworkClientSecure.h>

#include <cstring>

#include "net/tls.h"

namespace board {
namespace {

using esplock::TransportError;

constexpr std::uint16_t readMs = 8'000;

/// Takes what the library has unpacked (chunks, lengths), as far as it fits.
class BoundedSink final : public Stream {
 public:
  BoundedSink(std::uint8_t* out, std::size_t capacity) : out_(out), capacity_(capacity) {}

  size_t write(std::uint8_t byte) override { return write(&byte, 1); }
  size_t write(const std::uint8_t* data, size_t length) override {
    if (length > capacity_ - length_) {
      overflowed_ = true;
      return 0;
    }
    std::memcpy(out_ + length_, data, length);
    length_ += length;
    return length;
  }
  int available() override { return 0; }
  int read() override { return -1; }
  int peek() override { return -1; }
  void flush() override {}

  std::size_t length() const { return length_; }
  bool overflowed() const { return overflowed_; }

 private:
  std::uint8_t* out_;
  std::size_t capacity_;
  std::size_t length_ = 0;
  bool overflowed_ = false;
};

TransportError failure(int httpCode, NetworkClientSecure& client) {
  switch (httpCode) {
    case HTTPC_ERROR_CONNECTION_REFUSED: return tlsErrorOf(client);
    case HTTPC_ERROR_SEND_HEADER_FAILED:
    case HTTPC_ERROR_SEND_PAYLOAD_FAILED:
    case HTTPC_ERROR_NOT_CONNECTED:
    case HTTPC_ERROR_CONNECTION_LOST: return TransportError::unreachable;
    case HTTPC_ERROR_TOO_LESS_RAM: return TransportError::out_of_memory;
    case HTTPC_ERROR_READ_TIMEOUT: return TransportError::timeout;
    default: return TransportError::protocol;
  }
}

}  // namespace

void runPost(const Server& server, PostJob& job) {
  job.httpStatus = 0;
  job.error = TransportError::untrusted;
  if (!server.usable()) {
    job.length = 0;
    return;
  }
  NetworkClientSecure client;
  client.setCACert(server.ca);
  client.setHandshakeTimeout(handshakeSeconds);
  HTTPClient http;
  http.setReuse(false);
  http.setConnectTimeout(connectMs);
  http.setTimeout(readMs);
  http.setUserAgent("esplock");
  if (!http.begin(client, server.host, server.port, job.path, true)) {
    job.length = 0;
    job.error = TransportError::protocol;
    return;
  }
  http.addHeader("Content-Type", "application/json");
  const int code = http.POST(job.body, job.length);
  job.length = 0;
  if (code <= 0) {
    job.error = failure(code, client);
  } else {
    BoundedSink sink(job.body, PostJob::bodyBytes);
    const int written = http.getSize() == 0 ? 0 : http.writeToStream(&sink);
    job.httpStatus = code;
    job.length = sink.length();
    job.error = TransportError::none;
    if (sink.overflowed()) job.error = TransportError::too_big;
    else if (written < 0) job.error = failure(written, client);
  }
  http.end();
}

}  // namespace board

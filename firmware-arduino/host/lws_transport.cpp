#include "lws_transport.h"

#include <cstring>

#include "config/origin.h"
#include "lws_support.h"

namespace host {
namespace {

using esplock::PostState;
using esplock::TransportError;

constexpr int tickUs = 20'000;

LwsTransport* ownerOf(lws* wsi) { return static_cast<LwsTransport*>(lws_context_user(lws_get_context(wsi))); }

int httpCallback(lws* wsi, lws_callback_reasons reason, void*, void* in, std::size_t length) {
  LwsTransport* const owner = lws_get_context(wsi) == nullptr ? nullptr : ownerOf(wsi);
  return owner == nullptr ? 0 : owner->onHttp(wsi, reason, in, length);
}

int socketCallback(lws* wsi, lws_callback_reasons reason, void*, void* in, std::size_t length) {
  LwsTransport* const owner = lws_get_context(wsi) == nullptr ? nullptr : ownerOf(wsi);
  return owner == nullptr ? 0 : owner->onSocket(wsi, reason, in, length);
}

lws_protocols protocolOf(const char* name, lws_callback_function* callback) {
  lws_protocols protocol{};
  protocol.name = name;
  protocol.callback = callback;
  protocol.rx_buffer_size = 16384;
  return protocol;
}

const lws_protocols protocols[] = {protocolOf("http", httpCallback), protocolOf("openlock.door.v1", socketCallback),
                                   protocolOf(nullptr, nullptr)};

}  // namespace

LwsTransport::LwsTransport() { lws_set_log_level(0, nullptr); }

LwsTransport::~LwsTransport() {
  if (context_ != nullptr) lws_context_destroy(context_);
}

/// Only ever changed with no connection open: the session lets the old one end first.
void LwsTransport::setRelay(const esplock::RelayAddress& relay) {
  if (context_ != nullptr && relay.origin == origin_ && relay.caPem == ca_) return;
  esplock::Origin parsed;
  if (!esplock::parseHttpsOrigin(relay.origin, parsed)) return;
  origin_ = relay.origin;
  ca_ = relay.caPem;
  host_ = parsed.host;
  port_ = parsed.port;
  rebuildContext();
}

void LwsTransport::rebuildContext() {
  if (context_ != nullptr) lws_context_destroy(context_);
  post_ = socket_ = nullptr;
  lws_context_creation_info info{};
  info.port = CONTEXT_PORT_NO_LISTEN;
  info.protocols = protocols;
  // Without DISABLE_OS_CA_CERTS every CA of the machine would do as well.
  info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
  info.client_ssl_ca_mem = ca_.data();
  info.client_ssl_ca_mem_len = static_cast<unsigned>(ca_.size());
  info.user = this;
  info.connect_timeout_secs = 10;
  info.timeout_secs = 10;
  info.gid = static_cast<decltype(info.gid)>(-1);
  info.uid = static_cast<decltype(info.uid)>(-1);
  context_ = lws_create_context(&info);
  timer_ = Timer{};
  timer_.owner = this;
  if (context_ != nullptr) tick();
}

void LwsTransport::tick() {
  lws_sul_schedule(context_, 0, &timer_.sul, [](lws_sorted_usec_list_t* sul) {
    reinterpret_cast<Timer*>(sul)->owner->tick();
  }, tickUs);
}

void LwsTransport::service() {
  if (context_ == nullptr) {
    timespec pause{0, tickUs * 1000};
    nanosleep(&pause, nullptr);
    return;
  }
  lws_service(context_, 0);
  if (closeWanted_ != 0 && socketActive_ && nowMs() >= closeLimitMs_) {
    if (socket_ != nullptr) lws_set_timeout(socket_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    closeLimitMs_ = nowMs() + closeLimitMs;
  }
}

void LwsTransport::setCut(bool cut) {
  cut_ = cut;
  if (!cut) return;
  if (post_ != nullptr) lws_set_timeout(post_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
  if (socket_ != nullptr) lws_set_timeout(socket_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

void LwsTransport::join(std::string_view, std::string_view) {}
esplock::NetworkState LwsTransport::state() {
  return cut_ ? esplock::NetworkState::down : esplock::NetworkState::up;
}
bool LwsTransport::rssi(int&) { return false; }

lws* LwsTransport::connect(const char* method, const char* path, const char* protocol) {
  const std::string hostHeader = (host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]") +
                                 (port_ == 443 ? "" : ":" + std::to_string(port_));
  certificateRefused_ = false;
  lws_client_connect_info info{};
  info.context = context_;
  info.address = host_.c_str();
  info.port = port_;
  info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
  info.path = path;
  info.host = hostHeader.c_str();
  info.method = method;
  info.protocol = protocol;
  info.local_protocol_name = method != nullptr ? "http" : "openlock.door.v1";
  info.alpn = "http/1.1";
  info.ietf_version_or_minus_one = -1;
  info.pwsi = method != nullptr ? &post_ : &socket_;
  return lws_client_connect_via_info(&info);
}

TransportError LwsTransport::errorOf(const char* text) const {
  if (certificateRefused_) return TransportError::untrusted;
  if (text == nullptr) return TransportError::unreachable;
  if (std::strstr(text, "imeout") != nullptr || std::strstr(text, "imed out") != nullptr) {
    return TransportError::timeout;
  }
  if (std::strncmp(text, "HS:", 3) == 0 || std::strstr(text, "SSL") != nullptr) return TransportError::protocol;
  return TransportError::unreachable;
}

// ---- POST ----

bool LwsTransport::startPost(const esplock::RelayAddress& relay, std::string_view path, std::string_view body) {
  if (post_ == nullptr && postState_ != PostState::pending) setRelay(relay);
  if (context_ == nullptr || post_ != nullptr || postState_ == PostState::pending) return false;
  postBody_ = body;
  postAnswer_.clear();
  postStatus_ = 0;
  postState_ = PostState::pending;
  if (cut_) failPost(TransportError::unreachable);
  else if (connect("POST", std::string(path).c_str(), nullptr) == nullptr) failPost(TransportError::unreachable);
  return true;
}

void LwsTransport::failPost(TransportError error) {
  if (postState_ != PostState::pending) return;
  postState_ = PostState::failed;
  postError_ = error;
}

PostState LwsTransport::pollPost(esplock::PostAnswer& answer) {
  const PostState state = postState_;
  answer.refusal = esplock::refusalOfStatus(postStatus_);
  answer.httpStatus = postStatus_;
  answer.body = postAnswer_;
  answer.error = postError_;
  if (state == PostState::done || state == PostState::failed) postState_ = PostState::idle;
  return state;
}

void LwsTransport::cancelPost() {
  if (post_ != nullptr) lws_set_timeout(post_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
  postState_ = PostState::idle;
}

bool LwsTransport::addPostHeaders(lws* wsi, unsigned char** at, std::size_t space) {
  unsigned char* const end = *at + space;
  if (!addHeader(wsi, "content-type:", "application/json", at, end) ||
      !addHeader(wsi, "content-length:", std::to_string(postBody_.size()), at, end)) {
    return false;
  }
  lws_client_http_body_pending(wsi, 1);
  lws_callback_on_writable(wsi);
  return true;
}

bool LwsTransport::writePost(lws* wsi) {
  std::string buffer(LWS_PRE, '\0');
  buffer += postBody_;
  lws_client_http_body_pending(wsi, 0);
  return lws_write(wsi, reinterpret_cast<unsigned char*>(buffer.data()) + LWS_PRE, postBody_.size(),
                   LWS_WRITE_HTTP_FINAL) >= 0;
}

int LwsTransport::onHttp(lws* wsi, lws_callback_reasons reason, void* in, std::size_t length) {
  switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
      return addPostHeaders(wsi, static_cast<unsigned char**>(in), length) ? 0 : -1;
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE: return writePost(wsi) ? 0 : -1;
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
      postStatus_ = static_cast<int>(lws_http_client_http_response(wsi));
      return 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: {
      char buffer[LWS_PRE + 2048];
      char* start = buffer + LWS_PRE;
      int space = 2048;
      return lws_http_client_read(wsi, &start, &space) < 0 ? -1 : 0;
    }
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
      if (postAnswer_.size() + length > maxBodyBytes) {
        failPost(TransportError::too_big);
        return -1;
      }
      postAnswer_.append(static_cast<const char*>(in), length);
      return 0;
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
      if (postState_ == PostState::pending) postState_ = PostState::done;
      return -1;   // no second request on this connection
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      failPost(errorOf(static_cast<const char*>(in)));
      post_ = nullptr;
      break;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
      failPost(postStatus_ == 0 ? TransportError::unreachable : TransportError::protocol);
      post_ = nullptr;
      break;
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
      // The library's own word for it does not say more than "SSL error"; `length` is OpenSSL's verdict so far.
      if (length == 0) certificateRefused_ = true;
      return 0;
    case LWS_CALLBACK_WSI_DESTROY:
      if (wsi == post_) post_ = nullptr;
      break;
    default: break;
  }
  return 0;
}

}  // namespace host

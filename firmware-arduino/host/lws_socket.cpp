// The WebSocket half of the transport.
#include "lws_support.h"
#include "lws_transport.h"

namespace host {
namespace {

using esplock::ChannelEvent;
using esplock::ChannelEventKind;
using esplock::CloseReason;
using esplock::TransportError;

constexpr std::size_t outgoingLimit = 64;

}  // namespace

bool LwsTransport::open(const esplock::ChannelRequest& request) {
  if (socket_ == nullptr && !socketActive_) setRelay(request.relay);
  if (context_ == nullptr || socket_ != nullptr || socketActive_) return false;
  bearer_ = "Bearer " + std::string(request.bearer);
  doorId_ = request.doorId;
  subprotocol_ = request.subprotocol;
  incoming_.clear();
  outgoing_.clear();
  closeWanted_ = closeReceived_ = 0;
  socketOpen_ = false;
  socketActive_ = true;
  const bool started =
      !cut_ && connect(nullptr, std::string(request.path).c_str(), subprotocol_.c_str()) != nullptr;
  if (!started && socketActive_) queueRefused(TransportError::unreachable, 0);
  return true;
}

void LwsTransport::queueEvent(ChannelEvent event) {
  if (event.kind != ChannelEventKind::opened) socketActive_ = socketOpen_ = false;
  events_.push_back({event, {}});
}

void LwsTransport::queueRefused(TransportError error, int httpStatus) {
  ChannelEvent event;
  event.kind = ChannelEventKind::refused;
  event.error = error;
  event.refusal = esplock::refusalOfStatus(httpStatus);
  event.detail = httpStatus;
  queueEvent(event);
}

ChannelEvent LwsTransport::poll() {
  if (events_.empty()) return ChannelEvent{};
  handedOut_ = std::move(events_.front());
  events_.pop_front();
  handedOut_.event.data = handedOut_.data;
  return handedOut_.event;
}

bool LwsTransport::sendText(std::string_view message) {
  if (!socketOpen_ || socket_ == nullptr || closeWanted_ != 0 || outgoing_.size() >= outgoingLimit) return false;
  outgoing_.push_back({false, std::string(message)});
  lws_callback_on_writable(socket_);
  return true;
}

bool LwsTransport::sendBinary(const std::uint8_t* data, std::size_t length) {
  if (!socketOpen_ || socket_ == nullptr || closeWanted_ != 0 || outgoing_.size() >= outgoingLimit) return false;
  outgoing_.push_back({true, std::string(reinterpret_cast<const char*>(data), length)});
  lws_callback_on_writable(socket_);
  return true;
}

void LwsTransport::close(CloseReason reason) {
  if (!socketActive_ || closeWanted_ != 0) return;
  closeWanted_ = esplock::closeCodeOf(reason);
  closeLimitMs_ = nowMs() + closeLimitMs;
  if (socket_ == nullptr) return;
  if (socketOpen_) lws_callback_on_writable(socket_);
  else lws_set_timeout(socket_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

int LwsTransport::writeNext(lws* wsi) {
  if (outgoing_.empty()) {
    if (closeWanted_ == 0) return 0;
    lws_close_reason(wsi, static_cast<lws_close_status>(closeWanted_), nullptr, 0);
    return -1;
  }
  const Message& message = outgoing_.front();
  std::string buffer(LWS_PRE, '\0');
  buffer += message.data;
  const int written = lws_write(wsi, reinterpret_cast<unsigned char*>(buffer.data()) + LWS_PRE, message.data.size(),
                                message.binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
  if (written < static_cast<int>(message.data.size())) return -1;
  outgoing_.pop_front();
  if (!outgoing_.empty() || closeWanted_ != 0) lws_callback_on_writable(wsi);
  return 0;
}

void LwsTransport::receive(lws* wsi, const char* data, std::size_t length) {
  if (lws_is_first_fragment(wsi) != 0) incomingBinary_ = lws_frame_is_binary(wsi) != 0;
  if (incoming_.size() + length > maxFrameBytes) {
    incoming_.clear();
    close(CloseReason::too_big);
    return;
  }
  incoming_.append(data, length);
  if (lws_is_final_fragment(wsi) == 0 || lws_remaining_packet_payload(wsi) != 0) return;
  Queued item;
  item.event.kind = incomingBinary_ ? ChannelEventKind::binary : ChannelEventKind::text;
  item.data = std::move(incoming_);
  incoming_.clear();
  if (closeWanted_ == 0) events_.push_back(std::move(item));
}

void LwsTransport::socketGone() {
  if (!socketActive_) return;
  if (!socketOpen_) return queueRefused(TransportError::unreachable, 0);
  ChannelEvent event;
  event.kind = ChannelEventKind::closed;
  event.error = TransportError::unreachable;
  event.reason = closeReceived_ != 0 ? esplock::closeReasonOf(closeReceived_) : CloseReason::lost;
  event.detail = closeReceived_ != 0 ? closeReceived_ : esplock::closeCodeOf(CloseReason::lost);
  queueEvent(event);
}

int LwsTransport::onSocket(lws* wsi, lws_callback_reasons reason, void* in, std::size_t length) {
  switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: {
      auto** at = static_cast<unsigned char**>(in);
      unsigned char* const end = *at + length;
      const bool added = addHeader(wsi, "authorization:", bearer_, at, end) &&
                         addHeader(wsi, "x-openlock-door:", doorId_, at, end);
      return added ? 0 : -1;
    }
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
      if (length == 0) certificateRefused_ = true;
      return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      socketOpen_ = true;
      {
        ChannelEvent event;
        event.kind = ChannelEventKind::opened;
        queueEvent(event);
      }
      if (closeWanted_ != 0) lws_callback_on_writable(wsi);
      return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: receive(wsi, static_cast<const char*>(in), length); return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE: return writeNext(wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      if (length >= 2) {
        const auto* bytes = static_cast<const std::uint8_t*>(in);
        closeReceived_ = static_cast<std::uint16_t>((bytes[0] << 8) | bytes[1]);
      } else {
        closeReceived_ = 1005;
      }
      return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: {
      socket_ = nullptr;
      const auto status = static_cast<int>(lws_http_client_http_response(wsi));
      if (socketActive_) {
        queueRefused(status > 0 ? TransportError::none : errorOf(static_cast<const char*>(in)), status);
      }
      return 0;
    }
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_CLOSED:
      socketGone();
      socket_ = nullptr;   // what is left of it is the library's own
      return 0;
    case LWS_CALLBACK_WSI_DESTROY:
      if (wsi == socket_) {
        socketGone();
        socket_ = nullptr;
      }
      return 0;
    default: return 0;
  }
}

}  // namespace host

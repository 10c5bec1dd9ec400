// The live socket: upgrade, hello and welcome, frames, keep-alive (protocol 4.6, 5).
#include "session/session.h"

#include "json/writer.h"

namespace esplock {
namespace {

constexpr char epochName[] = "epoch";
constexpr std::uint64_t steadyMs = 10'000;   ///< live for so long: the next loss starts backing off anew
constexpr std::uint64_t hourMs = 3'600'000;

constexpr std::uint16_t closeGoingAway = 1001;
constexpr std::uint16_t closeUnauthorised = 4002;
constexpr std::uint16_t closeDisabled = 4003;
constexpr std::uint16_t closeProtocol = 4004;
constexpr std::uint16_t closeKeepAlive = 4006;

}  // namespace

void Session::openSocket() {
  SocketRequest request;
  request.path = socketPath_;
  request.bearer = token_;
  request.doorId = parts_.settings.active().doorId;
  request.subprotocol = "openlock.door.v1";
  socketPending_ = parts_.transport.openSocket(request);
  if (!socketPending_) fail({state_, TransportError::protocol}, 0);
}

void Session::sayHello() {
  json::Writer json(body_, sizeof body_);
  json.beginObject().member("t", "hello").member("boot", boot_).member("epoch", epoch_);
  json.name("firmware").beginObject().member("version", parts_.identity.version);
  json.member("board", parts_.identity.board);
  json.member("securityVersion", static_cast<std::int64_t>(parts_.identity.securityVersion)).endObject().endObject();
  if (!parts_.transport.sendText(json.view())) parts_.transport.closeSocket(closeGoingAway);
}

void Session::pollSocket() {
  // Bounded: a relay that talks without pause must not keep the lock from being served.
  for (int i = 0; i < 8; ++i) {
    const SocketEvent event = parts_.transport.pollSocket();
    switch (event.kind) {
      case SocketEventKind::none: return;
      case SocketEventKind::opened:
        socketPending_ = false;
        socketOpen_ = true;
        if (state_ == SessionState::connecting && !renewing_) apply(SessionInput::opened);
        else parts_.transport.closeSocket(closeGoingAway);
        break;
      case SocketEventKind::refused:
      case SocketEventKind::closed: onSocketLost(event); break;
      case SocketEventKind::text: onFrame(event.data); break;
      case SocketEventKind::binary:
        if (state_ == SessionState::live) parts_.listener.onBytes(event.data);
        break;
    }
  }
}

void Session::onSocketLost(const SocketEvent& event) {
  socketOpen_ = false;
  socketPending_ = false;
  if (state_ == SessionState::closing) return apply(SessionInput::closed);
  SessionTrouble trouble{state_, event.error, event.httpStatus, event.closeCode};
  // Upgrade refused for what the token or the door is: registering again tells which, in words.
  if (event.httpStatus == 401 || event.httpStatus == 403 || event.closeCode == closeUnauthorised) dropToken();
  stuck_ = event.closeCode == closeDisabled || event.error == TransportError::untrusted;
  if (event.closeCode == closeDisabled) dropToken();
  if (state_ == SessionState::live && nowMs() - enteredMs_ >= steadyMs) backoff_.reset();
  fail(trouble, event.closeCode == closeDisabled ? hourMs : 0);
}

void Session::protocolError(const char* cause) {
  parts_.log.write(LogLevel::error, cause);
  parts_.transport.closeSocket(closeProtocol);
  enteredMs_ = nowMs();   // the close itself has its own limit; do not ask for it again and again
}

void Session::onFrame(std::string_view text) {
  if (state_ != SessionState::greeting && state_ != SessionState::live) return;
  if (readFrame(text, document_, frame_) != Status::ok) return protocolError("frame.malformed");
  if (state_ == SessionState::greeting) {
    if (frame_.type == FrameType::welcome) onWelcome(frame_);
    else if (frame_.type != FrameType::unknown) protocolError("frame.before_welcome");
    return;
  }
  switch (frame_.type) {
    case FrameType::command: return parts_.listener.onCommand(frame_);
    case FrameType::status: return parts_.listener.onStatusAsked(frame_.id);
    case FrameType::challenge: return parts_.listener.onChallengeAsked(frame_.id);
    case FrameType::update:
      if (frame_.isOffer) parts_.listener.onUpdateOffered(frame_);
      return;
    case FrameType::keepalive:
      unanswered_ = 0;
      parts_.time.onRelayTime(frame_.timeMs);
      return parts_.listener.onKeepAliveAnswered();
    case FrameType::welcome:
    case FrameType::unknown: return;
  }
}

void Session::onWelcome(const Frame& frame) {
  // One that put the epoch near its end would leave no relay a higher one to give (protocol 5.1).
  if (frame.epoch > epoch_ + largestEpochStep) return protocolError("welcome.epoch_jumps");
  if (frame.epoch > epoch_) {
    epoch_ = frame.epoch;
    std::uint8_t bytes[8];
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(epoch_) >> (8 * i));
    if (!parts_.store.write(epochName, bytes, sizeof bytes)) parts_.log.write(LogLevel::error, "epoch.not_stored");
  }
  parts_.time.onRelayTime(frame.timeMs);
  keepAliveMs_ = static_cast<std::uint64_t>(frame.keepAliveSeconds) * 1000;
  nextKeepAliveMs_ = nowMs() + keepAliveMs_;
  unanswered_ = 0;
  stuck_ = false;
  apply(SessionInput::welcomed);
  parts_.listener.onWelcome();
}

void Session::pollKeepAlive() {
  if (nowMs() < nextKeepAliveMs_) return;
  nextKeepAliveMs_ = nowMs() + keepAliveMs_;
  if (unanswered_ >= missedLimit) {
    parts_.log.write(LogLevel::warning, "keepalive.missed", unanswered_);
    unanswered_ = 0;
    parts_.transport.closeSocket(closeKeepAlive);
    return;
  }
  ++unanswered_;
  send(R"({"t":"keepalive"})");
}

}  // namespace esplock

// The live socket: upgrade, hello and welcome, frames, keep-alive (protocol 4.6, 5).
#include "channels/session.h"

#include "json/writer.h"

namespace esplock {
namespace {

constexpr char epochName[] = "epoch";
constexpr std::uint64_t steadyMs = 10'000;   ///< live for so long: the next loss starts backing off anew
constexpr std::uint64_t hourMs = 3'600'000;

}  // namespace

void Session::openChannel() {
  ChannelRequest request;
  request.relay = relay();
  request.path = socketPath_;
  request.bearer = token_;
  request.doorId = parts_.settings.active().doorId;
  request.subprotocol = "openlock.door.v1";
  channelPending_ = parts_.channel.open(request);
  if (!channelPending_) fail({state_, TransportError::protocol}, 0);
}

void Session::sayHello() {
  json::Writer json(body_, sizeof body_);
  json.beginObject().member("t", "hello").member("boot", boot_).member("epoch", epoch_);
  json.name("firmware").beginObject().member("version", parts_.identity.version);
  json.member("board", parts_.identity.board);
  json.member("securityVersion", static_cast<std::int64_t>(parts_.identity.securityVersion)).endObject().endObject();
  if (!parts_.channel.sendText(json.view())) parts_.channel.close(CloseReason::going_away);
}

void Session::pollChannel() {
  // Bounded: a relay that talks without pause must not keep the lock from being served.
  for (int i = 0; i < 8; ++i) {
    const ChannelEvent event = parts_.channel.poll();
    switch (event.kind) {
      case ChannelEventKind::none: return;
      case ChannelEventKind::opened:
        channelPending_ = false;
        channelOpen_ = true;
        silentRefusals_ = 0;
        if (state_ == SessionState::connecting && !renewing_) apply(SessionInput::opened);
        else parts_.channel.close(CloseReason::going_away);
        break;
      case ChannelEventKind::refused:
      case ChannelEventKind::closed: onChannelLost(event); break;
      case ChannelEventKind::text:
        if (onFrame(event.data)) return;
        break;
      case ChannelEventKind::binary:
        if (state_ == SessionState::live) parts_.listener.onBytes(event.data);
        break;
    }
  }
}

void Session::onChannelLost(const ChannelEvent& event) {
  channelOpen_ = false;
  channelPending_ = false;
  if (state_ == SessionState::closing) return apply(SessionInput::closed);
  SessionTrouble trouble{state_, event.error};
  trouble.closed = event.kind == ChannelEventKind::closed;
  trouble.reason = event.reason;
  trouble.refusal = event.refusal;
  trouble.detail = event.detail;
  const bool disabled = trouble.closed && event.reason == CloseReason::disabled;
  const bool ended = trouble.closed && event.reason == CloseReason::session_ended;
  // Upgrade refused for what the token or the door is: registering again tells which, in words.
  const bool refused = event.refusal == Refusal::credentials || event.refusal == Refusal::door;
  if (refused || ended || disabled) dropToken();
  // Where no status comes through, a token refused for ever looks like a relay that is away for ever.
  if (event.refusal == Refusal::no_answer && state_ == SessionState::connecting) ++silentRefusals_;
  stuck_ = disabled || event.error == TransportError::untrusted;
  if (state_ == SessionState::live && nowMs() - enteredMs_ >= steadyMs) backoff_.reset();
  fail(trouble, disabled ? hourMs : 0);
}

void Session::protocolError(const char* cause) {
  parts_.log.write(LogLevel::error, cause);
  parts_.channel.close(CloseReason::protocol_error);
  enteredMs_ = nowMs();   // the close itself has its own limit; do not ask for it again and again
}

bool Session::onFrame(std::string_view text) {
  if (state_ != SessionState::greeting && state_ != SessionState::live) return false;
  if (readFrame(text, document_, frame_) != Status::ok) {
    protocolError("frame.malformed");
    return false;
  }
  if (state_ == SessionState::greeting) {
    if (frame_.type == FrameType::welcome) onWelcome(frame_);
    else if (frame_.type != FrameType::unknown) protocolError("frame.before_welcome");
    return false;
  }
  switch (frame_.type) {
    case FrameType::command: parts_.listener.onCommand(frame_); break;
    case FrameType::status: parts_.listener.onStatusAsked(frame_.id); break;
    case FrameType::challenge: parts_.listener.onChallengeAsked(frame_.id); break;
    case FrameType::update:
      if (frame_.isOffer) parts_.listener.onUpdateOffered(frame_);
      break;
    case FrameType::keepalive:
      unanswered_ = 0;
      parts_.time.onRelayTime(frame_.timeMs);
      parts_.listener.onKeepAliveAnswered();
      break;
    case FrameType::welcome:
    case FrameType::unknown: break;
  }
  return frame_.type == FrameType::command;
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
    parts_.channel.close(CloseReason::keep_alive_timeout);
    return;
  }
  ++unanswered_;
  if (send(R"({"t":"keepalive"})")) parts_.listener.onKeepAliveSent();
}

}  // namespace esplock

#include "channels/session.h"

#include "base/base64url.h"

namespace esplock {
namespace {

constexpr char epochName[] = "epoch";
constexpr std::uint64_t greetingLimitMs = 10'000;
constexpr std::uint64_t keyRetryDelayMs = 5'000;
constexpr std::uint64_t joinAgainMs = 15'000;

}  // namespace

Status Session::start(const std::uint8_t* imageDigest) {
  parts_.identity.imageDigest = imageDigest;
  std::uint8_t boot[16];
  std::size_t length = 0;
  if (!parts_.random.fill(boot, sizeof boot)) return Status::crypto_failed;
  const Status status = base64url::encode(boot, sizeof boot, boot_, sizeof boot_ - 1, length);
  std::uint8_t bytes[8] = {};
  epoch_ = 0;
  if (parts_.store.read(epochName, bytes, sizeof bytes, length) == StoreResult::ok && length == sizeof bytes) {
    std::uint64_t epoch = 0;
    for (unsigned i = 0; i < 8; ++i) epoch |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    epoch_ = static_cast<std::int64_t>(epoch & 0x1F'FFFF'FFFF'FFFFULL);
  }
  return status;
}

void Session::apply(SessionInput input) {
  const SessionState next = transition(state_, input);
  if (next != state_) enter(next);
}

void Session::enter(SessionState state) {
  state_ = state;
  enteredMs_ = nowMs();
  parts_.listener.onState(state);
  switch (state) {
    case SessionState::joining: return joinIfDown();
    case SessionState::challenging: return startChallenge();
    case SessionState::registering: return startRegistration();
    case SessionState::connecting: return openChannel();
    case SessionState::greeting: return sayHello();
    default: return;
  }
}

RelayAddress Session::relay() const {
  const Settings& settings = parts_.settings.active();
  return {settings.serverAddress, settings.caCertificate};
}

/// An access point that is away for a while must not leave the door off the air: the joining is tried again and again.
void Session::joinIfDown() {
  if (parts_.network.state() != NetworkState::down) return;
  const Settings& settings = parts_.settings.active();
  parts_.network.join(settings.wifiSsid, settings.wifiPassword);
  nextJoinMs_ = nowMs() + joinAgainMs;
}

void Session::poll() {
  pollChannel();
  switch (state_) {
    case SessionState::unconfigured:
      if (parts_.settings.active().complete()) apply(SessionInput::configured);
      return;
    case SessionState::making_key:
      if (parts_.keys.generating()) {
        const Status made = parts_.keys.pollGenerating();
        if (made != Status::ok && made != Status::busy) {
          parts_.log.write(LogLevel::error, "key.failed", static_cast<int>(made));
          keyRetryMs_ = nowMs() + keyRetryDelayMs;
        }
      } else if (!parts_.keys.incomplete()) {
        if (parts_.keys.current().loaded()) apply(SessionInput::key_ready);
      } else if (nowMs() >= keyRetryMs_ && parts_.keys.startGenerating() != Status::ok) {
        keyRetryMs_ = nowMs() + keyRetryDelayMs;
      }
      return;
    case SessionState::joining:
      if (parts_.keys.incomplete()) return apply(SessionInput::key_missing);
      if (channelOpen_ || channelPending_) return;   // the old socket is still going
      if (parts_.network.state() != NetworkState::up) {
        if (nowMs() >= nextJoinMs_) joinIfDown();
        return;
      }
      return apply(tokenGood() ? SessionInput::network_up_token : SessionInput::network_up);
    case SessionState::waiting:
      if (nowMs() >= waitUntilMs_) apply(SessionInput::delay_over);
      return;
    case SessionState::challenging:
    case SessionState::registering: return pollPost();
    case SessionState::greeting:
      if (nowMs() - enteredMs_ > greetingLimitMs) protocolError("session.no_welcome");
      return;
    case SessionState::live: return pollKeepAlive();
    default: return;
  }
}

void Session::renew() {
  dropToken();
  stuck_ = false;
  backoff_.reset();
  if (state_ == SessionState::stopped || state_ == SessionState::closing) return;
  parts_.https.cancelPost();
  if (channelOpen_ || channelPending_) {
    renewing_ = true;
    parts_.channel.close(CloseReason::done);
    return;
  }
  if (!parts_.settings.active().complete()) return apply(SessionInput::unconfigured);
  if (state_ == SessionState::unconfigured || state_ == SessionState::making_key) return;
  enter(SessionState::joining);
}

void Session::stop(CloseReason reason) {
  if (state_ == SessionState::stopped || state_ == SessionState::closing) return;
  parts_.https.cancelPost();
  const bool open = channelOpen_ || channelPending_;
  if (open) parts_.channel.close(reason);
  apply(open ? SessionInput::stop_open : SessionInput::stop);
}

bool Session::send(std::string_view text) {
  return state_ == SessionState::live && channelOpen_ && !text.empty() && parts_.channel.sendText(text);
}

void Session::dropToken() { crypto::wipe(token_, sizeof token_); }

void Session::fail(const SessionTrouble& trouble, std::uint64_t atLeastMs) {
  parts_.log.write(LogLevel::warning, "session.failed",
                   trouble.detail != 0 ? trouble.detail : static_cast<int>(trouble.error));
  if (state_ != SessionState::closing && !renewing_) parts_.listener.onTrouble(trouble);
  const std::uint64_t delay = renewing_ ? 0 : backoff_.next();
  renewing_ = false;
  waitUntilMs_ = nowMs() + (delay > atLeastMs ? delay : atLeastMs);
  apply(SessionInput::failed);
}

}  // namespace esplock

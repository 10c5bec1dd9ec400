// Challenge and registration (protocol 4.3, 4.4).
#include "channels/session.h"

#include "json/writer.h"

namespace esplock {
namespace {

constexpr std::uint64_t postLimitMs = 20'000;   ///< the port has its own 10 s; this is for one that does not
constexpr std::uint64_t hourMs = 3'600'000;

}  // namespace

void Session::startChallenge() {
  json::Writer json(body_, sizeof body_);
  json.beginObject().member("doorId", parts_.settings.active().doorId).endObject();
  if (!parts_.https.startPost(relay(), "/v1/devices/challenge", json.view())) fail({state_, TransportError::protocol}, 0);
}

void Session::startRegistration() {
  const Settings& settings = parts_.settings.active();
  RegistrationInput input;
  input.doorId = settings.doorId;
  input.nonce = nonce_;
  input.audience = settings.serverAddress;
  input.enrolmentToken = settings.enrolmentToken;
  input.version = parts_.identity.version;
  input.board = parts_.identity.board;
  input.securityVersion = parts_.identity.securityVersion;
  input.imageDigest = parts_.identity.imageDigest;
  std::size_t length = 0;
  const Status status = registration_.write(parts_.keys, input, body_, sizeof body_, length);
  if (status != Status::ok) parts_.log.write(LogLevel::error, "session.proof_failed", static_cast<int>(status));
  const bool started =
      status == Status::ok && parts_.https.startPost(relay(), "/v1/devices/register", {body_, length});
  if (!started) fail({state_, TransportError::protocol}, 0);
}

void Session::pollPost() {
  PostAnswer answer;
  const PostState post = parts_.https.pollPost(answer);
  if (post == PostState::pending && nowMs() - enteredMs_ <= postLimitMs) return;
  if (post != PostState::done) {
    parts_.https.cancelPost();
    const TransportError error = post == PostState::failed ? answer.error : TransportError::timeout;
    stuck_ = error == TransportError::untrusted;
    silentRefusals_ = 0;   // nobody there to register at: it may not have been the token
    return fail({state_, error}, 0);
  }
  if (answer.refusal != Refusal::none) return onPostRefused(answer);
  if (state_ == SessionState::challenging) return onChallengeAnswer(answer.body);
  onRegisterAnswer(answer.body);
}

void Session::onChallengeAnswer(std::string_view body) {
  const bool good = document_.parse(body) == Status::ok &&
                    document_.root()["nonce"].cString(nonce_, sizeof nonce_) == Status::ok && nonce_[0] != '\0';
  if (!good) return fail({state_, TransportError::protocol}, 0);
  apply(SessionInput::answered);
}

void Session::onRegisterAnswer(std::string_view body) {
  bool good = document_.parse(body) == Status::ok;
  const json::Value root = document_.root();
  good = good && root["sessionToken"].cString(token_, sizeof token_) == Status::ok && token_[0] != '\0';
  good = good && root["socketPath"].cString(socketPath_, sizeof socketPath_) == Status::ok && socketPath_[0] == '/';
  if (!good) {
    dropToken();
    return fail({state_, TransportError::protocol}, 0);
  }
  stuck_ = false;
  silentRefusals_ = 0;
  if (parts_.keys.rotating()) {
    const Status status = parts_.keys.finishRotation();
    parts_.log.write(status == Status::ok ? LogLevel::info : LogLevel::error, "key.rotated", static_cast<int>(status));
  }
  apply(SessionInput::answered);
}

void Session::onPostRefused(const PostAnswer& answer) {
  SessionTrouble trouble{state_, TransportError::none};
  trouble.refusal = answer.refusal;
  trouble.detail = answer.httpStatus;
  std::int64_t retryAfterMs = 0;
  problemCode_[0] = '\0';
  if (document_.parse(answer.body) == Status::ok) {
    if (document_.root()["code"].cString(problemCode_, sizeof problemCode_) != Status::ok) problemCode_[0] = '\0';
    if (!document_.root()["retryAfterMs"].integer(retryAfterMs) || retryAfterMs < 0) retryAfterMs = 0;
  }
  trouble.code = problemCode_;
  auto atLeast = static_cast<std::uint64_t>(retryAfterMs);
  if (atLeast > hourMs) atLeast = hourMs;
  if (trouble.code == "door_disabled" || trouble.code == "key_banned") atLeast = hourMs;
  stuck_ = answer.refusal != Refusal::other;
  // The relay holds another key and did not take the old one's word: stay with the old one.
  if (answer.refusal == Refusal::conflict && parts_.keys.rotating()) parts_.keys.abandonRotation();
  fail(trouble, atLeast);
}

}  // namespace esplock

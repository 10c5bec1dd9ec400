#include "door/uplink.h"

#include "base/base64url.h"

namespace esplock {

void Uplink::sendStatus(std::string_view id) {
  if (!parts_.session.live()) return;
  json::Writer json(frame_, sizeof frame_);
  json.beginObject().member("t", "status");
  if (!id.empty()) json.member("id", id);
  json.name("state");
  parts_.state.writeFull(json);
  json.endObject();
  parts_.session.send(json.view());
}

void Uplink::sendResult(std::string_view id, const CommandOutcome& outcome) {
  results_.keep(parts_.time.monotonicMs(), id, outcome.status(), outcome.credentialRefused, outcome.receipt);
  flush();
}

/// Without randomness there is none, and the relay waits in vain (protocol 19.4).
void Uplink::sendChallenge(std::string_view id) {
  const std::uint8_t* const challenge = parts_.challenges.make(parts_.time.monotonicMs());
  char text[base64url::encodedLength(Challenges::bytes)];
  std::size_t length = 0;
  if (challenge == nullptr ||
      base64url::encode(challenge, Challenges::bytes, text, sizeof text, length) != Status::ok) {
    parts_.log.write(LogLevel::error, "challenge.failed");
    return;
  }
  json::Writer json(frame_, sizeof frame_);
  json.beginObject().member("t", "challenge").member("id", id);
  json.member("challenge", std::string_view(text, length)).endObject();
  parts_.session.send(json.view());
}

void Uplink::flush() {
  if (!parts_.session.live()) return;
  const std::uint64_t nowMs = parts_.time.monotonicMs();
  for (;;) {
    const std::string_view text = results_.front(nowMs, frame_, sizeof frame_);
    if (text.empty() || !parts_.session.send(text)) break;
    results_.sent();
  }
  for (;;) {
    const std::string_view text = parts_.events.front(nowMs, frame_, sizeof frame_);
    if (text.empty() || !parts_.session.send(text)) break;
    parts_.events.pop();
  }
}

}  // namespace esplock

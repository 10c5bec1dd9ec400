#include "protocol/frame.h"

namespace esplock {
namespace {

bool readId(json::Value root, bool required, Frame& out) {
  const json::Value id = root["id"];
  if (!id.exists()) return !required;
  return id.cString(out.id, sizeof out.id) == Status::ok && out.id[0] != '\0';
}

/// Envelopes and manifests are compact serialisations: no character of theirs is one that JSON would escape. One that is
/// escaped anyway is not canonical: it becomes the empty text, which is refused like any other that does not open.
std::string_view compactText(json::Value value) {
  const std::string_view raw = value.isString() ? value.raw() : std::string_view();
  return raw.find('\\') == std::string_view::npos ? raw : std::string_view();
}

Status readWelcome(json::Value root, Frame& out) {
  out.type = FrameType::welcome;
  const bool good = root["epoch"].integer(out.epoch) && root["time"].integer(out.timeMs) &&
                    root["keepAliveSeconds"].integer(out.keepAliveSeconds);
  constexpr std::int64_t largestExact = 9'007'199'254'740'991;   // what a relay in JavaScript can count to
  const bool epochFits = out.epoch >= 0 && out.epoch <= largestExact;
  const bool periodFits = out.keepAliveSeconds >= 1 && out.keepAliveSeconds <= 3600;
  return good && epochFits && periodFits ? Status::ok : Status::malformed;
}

Status readCommand(json::Value root, Frame& out) {
  out.type = FrameType::command;
  const json::Value jwe = root["jwe"];
  out.jwe = compactText(jwe);
  const bool good = readId(root, true, out) && jwe.isString() && root["deadline"].integer(out.deadlineMs);
  return good ? Status::ok : Status::malformed;
}

}  // namespace

Status readFrame(std::string_view text, json::Document& document, Frame& out) {
  out = Frame{};
  if (document.parse(text) != Status::ok) return Status::malformed;
  const json::Value root = document.root();
  const json::Value type = root["t"];
  if (!type.isString()) return Status::malformed;
  if (type.equals("welcome")) return readWelcome(root, out);
  if (type.equals("command")) return readCommand(root, out);
  if (type.equals("status") || type.equals("challenge")) {
    out.type = type.equals("status") ? FrameType::status : FrameType::challenge;
    return readId(root, true, out) ? Status::ok : Status::malformed;
  }
  if (type.equals("keepalive")) {
    out.type = FrameType::keepalive;
    return root["time"].integer(out.timeMs) ? Status::ok : Status::malformed;
  }
  if (type.equals("update")) {
    out.type = FrameType::update;
    out.isOffer = root["phase"].equals("offer");
    if (out.isOffer) out.manifest = compactText(root["manifest"]);
    return readId(root, true, out) ? Status::ok : Status::malformed;
  }
  return Status::ok;
}

}  // namespace esplock

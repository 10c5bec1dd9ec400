#include "access/request.h"

#include "base/base64url.h"

namespace esplock {
namespace {

bool read32Bytes(json::Value value, std::uint8_t (&out)[32]) {
  char text[44];
  std::size_t length = 0;
  if (value.cString(text, sizeof text) != Status::ok) return false;
  return base64url::decode(text, out, sizeof out, length) == Status::ok && length == sizeof out;
}

Status readCredential(json::Value credential, CommandRequest& out) {
  if (!credential.isObject() || !credential["type"].isString()) return Status::malformed;
  out.credentialKnown = credential["type"].equals("password");
  if (!out.credentialKnown) return Status::ok;
  if (credential.size() != 2 || !credential["password"].isString()) return Status::malformed;
  // A password too long for the buffer is simply a wrong one: it is compared as the empty text, which matches nothing.
  if (credential["password"].cString(out.password, sizeof out.password) != Status::ok) out.password[0] = '\0';
  return Status::ok;
}

}  // namespace

Status readRequest(std::string_view plain, json::Document& document, CommandRequest& out) {
  out = CommandRequest{};
  if (document.parse(plain) != Status::ok) return Status::malformed;
  const json::Value root = document.root();
  if (!root.isObject()) return Status::malformed;
  out.hasReplyKey = read32Bytes(root["replyKey"], out.replyKey);
  if (!out.hasReplyKey) return Status::malformed;
  std::size_t known = 3;
  out.params = root["params"];
  if (out.params.exists()) {
    if (!out.params.isObject()) return Status::malformed;
    ++known;
  }
  out.hasChallenge = root["challenge"].exists();
  if (out.hasChallenge) {
    if (!read32Bytes(root["challenge"], out.challenge)) return Status::malformed;
    ++known;
  }
  if (root["pad"].exists()) {
    if (!root["pad"].isString()) return Status::malformed;
    ++known;
  }
  if (root.size() != known || root["act"].cString(out.act, sizeof out.act) != Status::ok) return Status::malformed;
  return readCredential(root["credential"], out);
}

}  // namespace esplock

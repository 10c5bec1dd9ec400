#include "access/processor.h"

#include <cstring>

namespace esplock {
namespace {

constexpr std::size_t padLeast = 512;   // with and without `state` alike; the rare longer ones take another step

/// Fills up, so that the length of a receipt tells nothing of its code.
void pad(json::Writer& json) {
  constexpr std::size_t step = CommandProcessor::padStep;
  constexpr std::size_t frame = 9 + 1;   // ,"pad":"" and the closing brace
  const std::size_t bare = json.length() + frame;
  const std::size_t stepped = (bare + step - 1) / step * step;
  const std::size_t target = stepped < padLeast ? padLeast : stepped;
  json.name("pad").filling('.', target - bare);
}

}  // namespace

CommandOutcome CommandProcessor::bare(const char* cause) {
  parts_.log.write(LogLevel::warning, cause, 400);
  parts_.light.play(LightPattern::error);
  opener_.wipe();
  return CommandOutcome{};
}

CommandOutcome CommandProcessor::run(std::string_view jwe) {
  parts_.light.play(LightPattern::command_received);
  if (jwe.size() > EnvelopeOpener::maxChars) return bare("command.too_long");
  if (!gate_.take(parts_.time.monotonicMs())) return bare("command.too_many");
  const Status opened = opener_.open(jwe, parts_.keys.current(), parts_.keys.kid());
  if (opened != Status::ok) {
    CommandOutcome outcome = bare(opened == Status::out_of_memory ? "command.no_memory" : "command.unreadable");
    if (opened == Status::out_of_memory) outcome.memory = CommandOutcome::Memory::none;
    return outcome;
  }
  requestGood_ = readRequest(opener_.plain(), document_, request_) == Status::ok;
  credentialGood_ = false;
  if (!request_.hasReplyKey) return bare("command.no_reply_key");
  ActContext context{parts_.lock, parts_.settings, parts_.keys, parts_.light};
  context.nowMs = parts_.time.monotonicMs();
  CommandOutcome outcome;
  outcome.bare = false;
  outcome.memory = CommandOutcome::Memory::enough;
  outcome.code = judge(context, outcome);
  outcome.restartWanted = context.restartWanted;
  outcome.rotationWanted = context.rotationWanted;
  outcome.settingsKept = context.settingsKept;
  writeReceipt(outcome, context, credentialGood_);
  crypto::wipe(&request_, sizeof request_);
  opener_.wipe();
  if (outcome.code != ReceiptCode::ok) parts_.light.play(LightPattern::error);
  parts_.log.write(outcome.code == ReceiptCode::ok ? LogLevel::info : LogLevel::warning, textOf(outcome.code),
                   outcome.status());
  return outcome;
}

ReceiptCode CommandProcessor::judge(ActContext& context, CommandOutcome& outcome) {
  if (!requestGood_) return ReceiptCode::malformed;
  if (std::strcmp(opener_.header().door, parts_.settings.active().doorId) != 0) return ReceiptCode::wrong_door;
  // Before the credential is looked at: who has nothing fresh is told nothing of it, and it does not count.
  const ReceiptCode freshness = judgeFreshness();
  if (freshness == ReceiptCode::replayed) parts_.events.emit(EventKind::replay_refused);
  if (freshness != ReceiptCode::ok) return freshness;
  const Act* act = findAct(request_.act);
  if (act == nullptr || !request_.credentialKnown) return ReceiptCode::unsupported;
  outcome.act = act->name;
  if (act->scope != opener_.header().scope) return ReceiptCode::wrong_scope;
  const ReceiptCode credential = judgeCredential(outcome, context.nowMs);
  if (credential != ReceiptCode::ok) return credential;
  if (request_.hasChallenge) parts_.challenges.burn(request_.challenge, context.nowMs);
  const ReceiptCode params = act->check(context, request_.params);
  if (params != ReceiptCode::ok) return params;
  return carryOut(*act, context);
}

/// A challenge of the door's own making says more than any clock: with it `iat` and mark are not asked (protocol 19.4). A
/// known id comes first all the same, so that whoever tries again learns that the first one was taken.
ReceiptCode CommandProcessor::judgeFreshness() {
  const EnvelopeHeader& header = opener_.header();
  if (request_.hasChallenge || !parts_.time.sure()) {
    if (parts_.replay.has(header.jti)) return ReceiptCode::replayed;
    const bool good = request_.hasChallenge && parts_.challenges.isGood(request_.challenge, parts_.time.monotonicMs());
    return good ? ReceiptCode::ok : ReceiptCode::challenge_required;
  }
  switch (parts_.replay.judge(header.jti, header.iatMs, parts_.time.nowMs())) {
    case ReplayGuard::Verdict::fresh: return ReceiptCode::ok;
    case ReplayGuard::Verdict::stale: return ReceiptCode::stale;
    case ReplayGuard::Verdict::replayed: break;
  }
  return ReceiptCode::replayed;
}

ReceiptCode CommandProcessor::judgeCredential(CommandOutcome& outcome, std::uint64_t nowMs) {
  if (parts_.credentials.lockedOut(nowMs)) return ReceiptCode::locked_out;
  const auto verdict = parts_.credentials.check(request_.password, parts_.settings.active().doorPassword, nowMs);
  if (verdict == CredentialGuard::Verdict::good) {
    credentialGood_ = true;
    return ReceiptCode::ok;
  }
  outcome.credentialRefused = true;
  parts_.events.emit(EventKind::wrong_password);
  if (verdict == CredentialGuard::Verdict::badAndLockedOut) parts_.events.emit(EventKind::lockout);
  return ReceiptCode::bad_credential;
}

ReceiptCode CommandProcessor::carryOut(const Act& act, ActContext& context) {
  ReceiptCode code = ReceiptCode::busy;
  if (parts_.replay.hasRoom(parts_.time.nowMs(), context.nowMs)) {
    const EnvelopeHeader& header = opener_.header();
    const Status recorded = request_.hasChallenge ? parts_.replay.recordBound(header.jti, context.nowMs)
                                                  : parts_.replay.record(header.jti, header.iatMs, context.nowMs);
    code = recorded == Status::ok ? act.run(context) : ReceiptCode::failed;
  }
  if (context.changeOpen && parts_.settings.changing()) parts_.settings.dropChange();
  return code;
}

void CommandProcessor::writeReceipt(CommandOutcome& outcome, const ActContext& context, bool withState) {
  json::Writer json(plain_, sizeof plain_);
  json.beginObject().member("jti", opener_.header().jtiText).member("door", parts_.settings.active().doorId);
  json.member("status", static_cast<std::int64_t>(outcome.status())).member("code", textOf(outcome.code));
  json.member("at", parts_.time.nowMs());
  if (withState) {
    json.name("state");
    parts_.state.writeState(json);
  }
  if (context.newKid[0] != 0) json.member("newKid", context.newKid);
  pad(json);
  json.endObject();
  std::size_t length = 0;
  const Status status = json.ok() ? receipts_.write(request_.replyKey, json.view(), receiptText_, sizeof receiptText_,
                                                    length)
                                  : Status::too_big;
  crypto::wipe(plain_, sizeof plain_);
  if (status != Status::ok) {
    parts_.log.write(LogLevel::error, "receipt.failed", static_cast<int>(status));
    return;
  }
  outcome.receipt = std::string_view(receiptText_, length);
}

}  // namespace esplock

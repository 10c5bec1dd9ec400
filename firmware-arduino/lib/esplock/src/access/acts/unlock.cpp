#include "access/acts/act.h"

namespace esplock {
namespace {

constexpr std::int64_t maxHoldMs = 3'600'000;

ReceiptCode check(ActContext& context, json::Value params) {
  context.holdMs = context.settings.active().autoRelockMs;
  if (params.size() == 0) return ReceiptCode::ok;
  std::int64_t holdMs = 0;
  if (params.size() != 1 || !params["holdMs"].integer(holdMs)) return ReceiptCode::invalid_params;
  if (holdMs < 0 || holdMs > maxHoldMs) return ReceiptCode::invalid_params;
  context.holdMs = static_cast<std::uint32_t>(holdMs);
  return ReceiptCode::ok;
}

ReceiptCode run(ActContext& context) {
  context.lock.unlock(context.nowMs, context.holdMs, "command");
  return ReceiptCode::ok;
}

}  // namespace

const Act unlockAct = {"unlock", Scope::operate, check, run};

}  // namespace esplock

#include "access/acts/act.h"

namespace esplock {
namespace {

/// Where one value is decoded: long enough for any, since params come from an envelope of at most 3 KiB.
struct Decoded {
  explicit Decoded(Workspace& workspace) : text(reinterpret_cast<char*>(workspace.room)) {}
  static constexpr std::size_t capacity = EnvelopeOpener::maxPlainBytes;
  static_assert(capacity <= Workspace::roomBytes);
  char* const text;
};

Status applyReleaseKeys(Settings& candidate, json::Value keys, Decoded decoded) {
  if (!keys.isArray() || keys.size() > Settings::maxReleaseKeys) return Status::invalid_value;
  clearReleaseKeys(candidate);
  for (json::Value key = keys.first(); key.exists(); key = key.next()) {
    std::size_t length = 0;
    Status status = key.text(decoded.text, Decoded::capacity, length);
    if (status == Status::ok) status = setText(candidate, SettingId::releaseKeys, {decoded.text, length});
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

Status applyOne(Settings& candidate, const SettingInfo& info, json::Value value, Decoded decoded) {
  if (info.id == SettingId::releaseKeys) return applyReleaseKeys(candidate, value, decoded);
  if (isNumber(info.id)) {
    std::int64_t number = 0;
    return value.integer(number) ? setNumber(candidate, info.id, number) : Status::invalid_value;
  }
  std::size_t length = 0;
  const Status status = value.text(decoded.text, Decoded::capacity, length);
  return status == Status::ok ? setText(candidate, info.id, {decoded.text, length}) : status;
}

Status applyAll(Settings& candidate, json::Value params, Decoded decoded) {
  std::size_t known = 0;
  for (const SettingInfo& info : settingTable) {
    const json::Value value = params[info.name];
    if (!value.exists()) continue;
    ++known;
    const Status status = applyOne(candidate, info, value, decoded);
    if (status != Status::ok) return status;
  }
  return known > 0 && known == params.size() ? Status::ok : Status::invalid_value;
}

ReceiptCode check(ActContext& context, json::Value params) {
  // A change the owner has begun at the device is not thrown away from afar.
  if (context.settings.awaitingRestart() || context.settings.changing()) return ReceiptCode::busy;
  context.settings.beginChange();
  context.changeOpen = true;
  const Decoded decoded(context.workspace);
  const Status status = applyAll(context.settings.candidate(), params, decoded);
  crypto::wipe(decoded.text, Decoded::capacity);   // it may have held the new password
  if (status == Status::ok) return ReceiptCode::ok;
  context.settings.dropChange();
  return ReceiptCode::invalid_params;
}

ReceiptCode run(ActContext& context) {
  bool restart = false;
  const Status status = context.settings.commitByCommand(restart);
  if (status == Status::busy) return ReceiptCode::busy;
  if (status != Status::ok) return ReceiptCode::failed;
  context.light.play(LightPattern::settings_changed);
  context.restartWanted = restart;
  context.settingsKept = !restart;
  return ReceiptCode::ok;
}

}  // namespace

const Act configureAct = {"configure", Scope::configure, check, run};

}  // namespace esplock

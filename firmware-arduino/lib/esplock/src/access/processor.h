// From the text of an envelope to what was done and what is told (protocol 6.4, 6.6). Flat guards, each with its code.
#pragma once

#include <cstdint>
#include <string_view>

#include "access/acts/act.h"
#include "access/challenges.h"
#include "access/door_state.h"
#include "access/replay_guard.h"
#include "access/request.h"
#include "access/verifiers/credential_guard.h"
#include "base/rate_gate.h"
#include "jose/envelope.h"
#include "jose/receipt_jwe.h"
#include "log/log_ring.h"
#include "time/time_keeper.h"

namespace esplock {

struct CommandOutcome {
  bool bare = true;                       ///< failed before authentication: 400 and nothing else
  ReceiptCode code = ReceiptCode::malformed;
  bool credentialRefused = false;         ///< the advisory `refusal` of protocol 5.2
  std::string_view receipt;               ///< valid until the next run
  const char* act = "";
  bool restartWanted = false;
  bool rotationWanted = false;
  bool settingsKept = false;
  enum class Memory : std::uint8_t { unasked, enough, none } memory = Memory::unasked;   ///< of opening the envelope

  int status() const { return !bare && code == ReceiptCode::ok ? 200 : 400; }
};

class CommandProcessor {
 public:
  static constexpr std::size_t padStep = 256;

  struct Parts {
    Random& random;
    TimeKeeper& time;
    ReplayGuard& replay;
    Challenges& challenges;
    CredentialGuard& credentials;
    LockModel& lock;
    SettingsManager& settings;
    KeyRing& keys;
    LightPlayer& light;
    EventSink& events;
    StateSource& state;
    LogRing& log;
  };

  CommandProcessor(const Parts& parts, std::uint32_t perSecond, std::uint32_t burst)
      : parts_(parts), gate_(perSecond, burst), opener_(parts.random), receipts_(parts.random) {}

  CommandOutcome run(std::string_view jwe);

 private:
  CommandOutcome bare(const char* cause);
  ReceiptCode judge(ActContext& context, CommandOutcome& outcome);
  ReceiptCode judgeFreshness();
  ReceiptCode judgeCredential(CommandOutcome& outcome, std::uint64_t nowMs);
  ReceiptCode carryOut(const Act& act, ActContext& context);
  void writeReceipt(CommandOutcome& outcome, const ActContext& context, bool withState);

  Parts parts_;
  RateGate gate_;
  EnvelopeOpener opener_;
  ReceiptJwe receipts_;
  json::Document document_;
  CommandRequest request_;
  bool requestGood_ = false;
  bool credentialGood_ = false;
  char plain_[ReceiptJwe::maxPlainBytes] = {};
  char receiptText_[ReceiptJwe::maxChars] = {};
};

}  // namespace esplock

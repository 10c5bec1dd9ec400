#include "access/acts/act.h"

namespace esplock {
namespace {

/// The state itself goes into every receipt with a good credential (protocol 6.4).
ReceiptCode run(ActContext& context) {
  context.light.play(LightPattern::query_answered);
  return ReceiptCode::ok;
}

}  // namespace

const Act statusAct = {"status", Scope::query, checkNoParams, run};

}  // namespace esplock

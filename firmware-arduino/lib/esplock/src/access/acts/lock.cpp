#include "access/acts/act.h"

namespace esplock {
namespace {

ReceiptCode run(ActContext& context) {
  context.lock.lock(context.nowMs, "command");
  return ReceiptCode::ok;
}

}  // namespace

const Act lockAct = {"lock", Scope::operate, checkNoParams, run};

}  // namespace esplock

#include "access/acts/act.h"

namespace esplock {
namespace {

ReceiptCode run(ActContext& context) {
  context.restartWanted = true;
  return ReceiptCode::ok;
}

}  // namespace

const Act restartAct = {"restart", Scope::configure, checkNoParams, run};

}  // namespace esplock

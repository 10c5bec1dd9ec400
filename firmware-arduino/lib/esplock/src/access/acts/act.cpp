#include "access/acts/act.h"

#include <cstring>

namespace esplock {
namespace {

const Act* const acts[] = {&unlockAct, &lockAct, &configureAct, &restartAct, &rotateKeyAct, &statusAct};

}  // namespace

const Act* findAct(const char* name) {
  for (const Act* act : acts) {
    if (std::strcmp(act->name, name) == 0) return act;
  }
  return nullptr;
}

ReceiptCode checkNoParams(ActContext& context, json::Value params) {
  (void)context;
  return params.size() == 0 ? ReceiptCode::ok : ReceiptCode::invalid_params;
}

}  // namespace esplock

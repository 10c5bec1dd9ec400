#include <cstring>

#include "access/acts/act.h"

namespace esplock {
namespace {

/// The spare becomes the key once the relay has bound it; a rotation under way is finished first.
ReceiptCode run(ActContext& context) {
  if (context.keys.rotating()) return ReceiptCode::busy;
  const Status status = context.keys.beginRotation();
  if (status == Status::busy) return ReceiptCode::busy;
  if (status != Status::ok) return ReceiptCode::failed;
  std::memcpy(context.newKid, context.keys.spareKid().data(), kidChars);
  context.rotationWanted = true;
  return ReceiptCode::ok;
}

}  // namespace

const Act rotateKeyAct = {"rotate_key", Scope::configure, checkNoParams, run};

}  // namespace esplock

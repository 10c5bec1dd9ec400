// Which image to boot, and how far it may be trusted: the host's otadata partition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "file_digest.h"
#include "file_store.h"

namespace host {

/// `factory` is the program that was started itself; `a` and `b` are files of these names in the slots directory.
enum class SlotId : std::uint8_t { factory, a, b };

const char* nameOf(SlotId slot);
bool slotNamed(const std::string& name, SlotId& out);

/// As ESP-IDF has them: an image made active is `fresh`, `pending` from its first start until it confirms itself, and
/// then `valid`; one that starts again while pending is `aborted`.
enum class Trial : std::uint8_t { none, fresh, pending, valid, aborted };

/// What a slot was found to hold when it was made active; `size` 0: never.
struct SlotContent {
  std::size_t size = 0;
  std::uint8_t digest[digestBytes] = {};
};

struct SlotState {
  SlotId active = SlotId::factory;
  SlotId previous = SlotId::factory;
  Trial trial = Trial::none;
  SlotContent a;
  SlotContent b;

  SlotContent& content(SlotId slot) { return slot == SlotId::b ? b : a; }
  const SlotContent& content(SlotId slot) const { return slot == SlotId::b ? b : a; }

  /// That image has started on trial and has not confirmed itself. An image that has may have made another one active.
  bool isPending(SlotId slot) const { return trial == Trial::pending && active == slot; }

  /// The trial is over and lost: back to what ran before.
  void abort();
};

/// The file `state` of the slots directory: a few lines of text, written whole, synced, renamed. One that is missing or
/// cannot be read boots the program itself.
SlotState loadSlotState(FileStore& slots);
bool saveSlotState(FileStore& slots, const SlotState& state);

}  // namespace host

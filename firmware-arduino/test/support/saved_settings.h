// Settings put into a store behind a door's back, as an earlier boot would have left them.
#pragma once

#include <functional>

#include "config/settings.h"
#include "ports/key_value_store.h"
#include "ports/random.h"
#include "ports/system.h"

namespace fixture {

void saveSettings(esplock::KeyValueStore& store, esplock::System& system, esplock::Random& random,
                  const esplock::Settings& values);

/// What is stored, changed, on probation.
void putOnProbation(esplock::KeyValueStore& store, esplock::System& system, esplock::Random& random,
                    const std::function<void(esplock::Settings&)>& change);

}  // namespace fixture

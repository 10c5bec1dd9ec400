#include "support/saved_settings.h"

#include <cstdlib>

#include "config/settings_store.h"
#include "crypto/sealer.h"
#include "workspace/workspace.h"

namespace fixture {

using namespace esplock;

void saveSettings(KeyValueStore& store, System& system, Random& random, const Settings& values) {
  crypto::start();
  crypto::Sealer sealer(system, random);
  Workspace workspace;
  if (SettingsStore(store, sealer, workspace).saveKept(values) != Status::ok) std::abort();
}

void putOnProbation(KeyValueStore& store, System& system, Random& random,
                    const std::function<void(Settings&)>& change) {
  crypto::Sealer sealer(system, random);
  Workspace workspace;
  SettingsStore settings(store, sealer, workspace);
  Settings values;
  Settings scratch;
  if (settings.load(values, scratch) != Status::ok) std::abort();
  change(values);
  if (settings.saveOnProbation(values) != Status::ok) std::abort();
}

}  // namespace fixture

// At most once (protocol 6.6) against a model: commands with and without a challenge, clocks that jump, reboots, a mark
// cleared by the owner, a store that fails or holds nonsense. The first byte chooses what is stored at the beginning.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "access/replay_guard.h"
#include "support/fakes.h"

using namespace esplock;

namespace {

constexpr std::int64_t t0 = 1'800'000'000'000;

struct World {
  fakes::FakeStore store;
  std::unique_ptr<ReplayGuard> guard;
  std::vector<std::pair<std::uint8_t, std::int64_t>> ran;   ///< id and `iat`, -1 with a challenge
  std::int64_t wholeToMs = INT64_MAX;   ///< how far what was taken must stay refused; a cleared mark lowers it
  std::int64_t nowMs = t0;
  std::uint64_t monotonicMs = 1'000;

  void boot() {
    guard = std::make_unique<ReplayGuard>(store);
    guard->load(monotonicMs);
  }
  /// The last ones must be known whatever happens; an envelope of before must be refused, also with the
  /// mark cleared, unless it was later than any right clock could have taken.
  void take(std::uint8_t id, std::int64_t iatMs) {
    const std::size_t last = std::min(ran.size(), ReplayGuard::keptLength);
    for (std::size_t i = ran.size() - last; i < ran.size(); ++i) {
      if (ran[i].first == id) std::abort();
    }
    for (const auto& old : ran) {
      if (iatMs >= 0 && iatMs <= wholeToMs && old.first == id && old.second == iatMs) std::abort();
    }
    ran.emplace_back(id, iatMs);
  }
  void command(std::uint8_t id, std::uint8_t offset) {
    const std::uint8_t jti[ReplayGuard::idBytes] = {id};
    const std::int64_t iatMs = t0 + (static_cast<std::int64_t>(offset) - 128) * 1'000;
    if (guard->judge(jti, iatMs, nowMs) != ReplayGuard::Verdict::fresh || !guard->hasRoom(nowMs, monotonicMs)) return;
    if (guard->record(jti, iatMs, monotonicMs) == Status::ok) take(id, iatMs);
  }
  void bound(std::uint8_t id) {
    const std::uint8_t jti[ReplayGuard::idBytes] = {id};
    if (guard->has(jti) || !guard->hasRoom(nowMs, monotonicMs)) return;
    if (guard->recordBound(jti, monotonicMs) == Status::ok) take(id, -1);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  World world;
  const std::size_t stored = std::min<std::size_t>(data[1], size - 2);
  if ((data[0] & 1) != 0) world.store.values["mark"].assign(data + 2, data + 2 + stored);
  if ((data[0] & 2) != 0) world.store.values["mark.kept"].assign(data + 2, data + 2 + stored);
  world.boot();
  for (std::size_t at = 2; at + 2 < size; at += 3) {
    const std::uint8_t a = data[at + 1];
    const std::uint8_t b = data[at + 2];
    switch (data[at] % 8) {
      case 0:
      case 1:
      case 2: world.command(a, b); break;
      case 3: world.bound(a); break;
      case 4: world.nowMs = t0 + (static_cast<std::int64_t>(a) - 128) * 1'000; break;
      case 5: world.monotonicMs += a * 1'000U; break;
      case 6: world.store.writesLeft = a % 4 == 0 ? b % 3 : -1; break;
      default:
        if (a % 4 != 0) {
          world.boot();
          break;
        }
        world.guard->clearMark(true, world.nowMs);   // one that could not be stored may have gone half of the way
        world.wholeToMs = std::min(world.wholeToMs, world.nowMs + ReplayGuard::windowMs);
    }
  }
  return 0;
}

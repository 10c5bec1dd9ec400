#include "supervisor.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <vector>

namespace host {
namespace {

constexpr unsigned lockPatienceMs = 5'000;        ///< a killed image lets go of its state a moment after us
constexpr std::uint64_t watchdogMarginMs = 3'000; ///< an image that lives ends its trial itself, in time
constexpr std::uint64_t stopLimitMs = 6'000;      ///< one that lives closes its socket and ends in half of it
constexpr std::uint64_t never = UINT64_MAX;

std::uint64_t monotonicMs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

sigset_t watchedSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&set, signal);
  return set;
}

/// False when nothing came before `limitMs` of monotonicMs, or for a minute.
bool nextSignal(const sigset_t& set, std::uint64_t limitMs, int& signal) {
  const std::uint64_t nowMs = monotonicMs();
  const std::uint64_t leftMs = limitMs > nowMs ? std::min<std::uint64_t>(limitMs - nowMs, 60'000) : 0;
  const timespec patience{static_cast<time_t>(leftMs / 1000), static_cast<long>(leftMs % 1000) * 1'000'000};
  signal = ::sigtimedwait(&set, nullptr, &patience);
  return signal > 0;
}

}  // namespace

/// The lock of `slots` is ours as long as we live. The one of the state belongs to the image; nothing may be read before
/// an earlier one, which died with its supervisor and may be dying still, has let it go.
int Supervisor::openState() {
  FileStore state;
  FileStore::OpenResult opened = FileStore::OpenResult::failed;
  if (FileStore::make(arguments_.stateDir)) opened = slots_.open(arguments_.stateDir + "/slots");
  if (opened == FileStore::OpenResult::ok) opened = state.open(arguments_.stateDir, lockPatienceMs);
  switch (opened) {
    case FileStore::OpenResult::ok: return exitDone;
    case FileStore::OpenResult::in_use:
      Terminal::error("another process is this door already: " + arguments_.stateDir);
      return exitInUse;
    case FileStore::OpenResult::failed: break;
  }
  Terminal::error("cannot use the state directory " + arguments_.stateDir);
  return exitFailed;
}

int Supervisor::run() {
  const sigset_t set = watchedSignals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const int opened = openState();
  if (opened != exitDone) return opened;
  for (;;) {
    bool onTrial = false;
    const SlotId slot = choose(onTrial);
    if (slot != SlotId::factory || !why_.empty()) terminal_.image(nameOf(slot), onTrial, why_);
    const End end = runImage(slot, onTrial);
    if (end.failed) return exitFailed;
    const bool restart = WIFEXITED(end.status) && WEXITSTATUS(end.status) == exitRestart;
    if (stopping_) return restart ? exitDone : endLike(end.status);
    why_ = onTrial ? lossOf(slot, end) : "";
    if (why_.empty() && !restart) return endLike(end.status);
  }
}

/// Why the image that ended has lost its trial; empty when it has passed it.
std::string Supervisor::lossOf(SlotId slot, const End& end) {
  const SlotState state = loadSlotState(slots_);
  if (state.trial == Trial::aborted) return "gave itself up";
  if (!state.isPending(slot)) return "";
  if (end.overdue) return "hangs";
  if (WIFSIGNALED(end.status)) return "signal " + std::to_string(WTERMSIG(end.status));
  return "ended unconfirmed, exit code " + std::to_string(WEXITSTATUS(end.status));
}

/// The state as it is now decides, and what is decided is on the disk before the image starts.
SlotId Supervisor::choose(bool& onTrial) {
  SlotState state = loadSlotState(slots_);
  onTrial = false;
  if (state.trial == Trial::pending || (state.trial == Trial::fresh && !intact(state, state.active))) {
    if (why_.empty()) why_ = state.trial == Trial::pending ? "power lost before it was confirmed" : "image damaged";
    state.abort();
    // When that cannot be written the next start decides the same again.
    saveSlotState(slots_, state);
  } else if (state.trial == Trial::fresh) {
    state.trial = Trial::pending;
    onTrial = saveSlotState(slots_, state);
    // An image whose first start cannot be noted could start for ever.
    if (!onTrial) state.active = state.previous;
  }
  for (const SlotId slot : {state.active, state.previous}) {
    if (intact(state, slot)) return slot;
    why_ = std::string("image ") + nameOf(slot) + " damaged";
  }
  return SlotId::factory;
}

bool Supervisor::intact(const SlotState& state, SlotId slot) const {
  if (slot == SlotId::factory) return true;
  const SlotContent& content = state.content(slot);
  const int file = ::openat(slots_.directory(), nameOf(slot), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  std::uint8_t digest[digestBytes];
  std::size_t size = 0;
  const bool read = digestOfFile(file, content.size, digest, size);
  ::close(file);
  return read && size > 0 && size == content.size && std::memcmp(digest, content.digest, digestBytes) == 0;
}

/// In the child: becomes the image, and dies with its supervisor from here on.
void Supervisor::startImage(SlotId slot, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(exitFailed);
  // SIGTERM and SIGINT stay blocked until the image can end in order: one that comes earlier waits for it.
  char flag[] = "--run-image";
  std::string name = nameOf(slot);
  std::vector<char*> values;
  for (char** value = values_; *value != nullptr; ++value) values.push_back(*value);
  values.push_back(flag);
  values.push_back(name.data());
  values.push_back(nullptr);
  const std::string path = slot == SlotId::factory ? "/proc/self/exe" : arguments_.stateDir + "/slots/" + name;
  ::execv(path.c_str(), values.data());
  Terminal::error("cannot start image " + name + ": " + std::strerror(errno));
  ::_exit(exitFailed);
}

Supervisor::End Supervisor::runImage(SlotId slot, bool onTrial) {
  const pid_t self = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) startImage(slot, self);
  if (child < 0) {
    Terminal::error(std::string("cannot make a process: ") + std::strerror(errno));
    return {true, false, 0};
  }
  return watch(child, slot, onTrial);
}

Supervisor::End Supervisor::watch(pid_t child, SlotId slot, bool onTrial) {
  const sigset_t set = watchedSignals();
  std::uint64_t trialEndMs = onTrial ? monotonicMs() + arguments_.updateTrialMs + watchdogMarginMs : never;
  std::uint64_t stopEndMs = never;
  End end;
  for (;;) {
    const pid_t ended = ::waitpid(child, &end.status, WNOHANG);
    if (ended == child) return end;
    if (ended < 0 && errno != EINTR) return {true, false, 0};
    int signal = 0;
    if (nextSignal(set, std::min(trialEndMs, stopEndMs), signal)) {
      if (signal == SIGCHLD) continue;
      if (!stopping_) stopEndMs = monotonicMs() + stopLimitMs;
      stopping_ = true;
      ::kill(child, signal);
      continue;
    }
    if (monotonicMs() >= stopEndMs) ::kill(child, SIGKILL);
    if (monotonicMs() < trialEndMs) continue;
    trialEndMs = never;
    end.overdue = loadSlotState(slots_).isPending(slot);
    if (end.overdue) ::kill(child, SIGKILL);
  }
}

int Supervisor::endLike(int status) {
  if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
  const rlimit noCore{0, 0};
  ::setrlimit(RLIMIT_CORE, &noCore);   // the image has left its own
  const int signal = WTERMSIG(status);
  std::signal(signal, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(signal);
  return exitFailed;
}

}  // namespace host

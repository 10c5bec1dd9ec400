// What the boot loader, the reset line and the watchdog are on a board: starts the right image as a child, over and
// over, and takes back one that does not prove itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "arguments.h"
#include "file_store.h"
#include "slot_state.h"
#include "terminal.h"

namespace host {

class Supervisor {
 public:
  /// `values` is main's argument vector, handed on to every image.
  Supervisor(const Arguments& arguments, char** values)
      : arguments_(arguments), values_(values), terminal_(arguments.json, arguments.verbose) {}

  /// Until an image outside a trial ends for good; its exit code. An image that was ended by a signal ends this process
  /// the same way.
  int run();

 private:
  struct End {
    bool failed = false;      ///< no child could be made
    bool overdue = false;     ///< ended by the watchdog
    int status = 0;           ///< as of waitpid
  };

  int openState();
  SlotId choose(bool& onTrial);
  bool intact(const SlotState& state, SlotId slot) const;
  void startImage(SlotId slot, pid_t parent);
  End runImage(SlotId slot, bool onTrial);
  End watch(pid_t child, SlotId slot, bool onTrial);
  std::string lossOf(SlotId slot, const End& end);
  static int endLike(int status);

  const Arguments& arguments_;
  char** values_;
  FileStore slots_;
  Terminal terminal_;
  std::string why_;           ///< why the last image was taken back, for the terminal
  bool stopping_ = false;
};

}  // namespace host

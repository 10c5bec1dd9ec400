// Line commands of the owner at the device: the serial console of the board, stdin of the virtual door.
//
//   help | show | kid | session | lock-state | update | log [n] | set <name> [value] | commit | clear-mark | restart |
//   factory-reset yes
//
// `set` without a value takes the following lines up to one that is a single "." (PEM certificates, keys); what was
// set counts from `commit` on. Nothing secret is ever printed.
#pragma once

#include <cstddef>
#include <string_view>

#include "door/door.h"

namespace esplock {

class ConsoleOutput {
 public:
  virtual ~ConsoleOutput() = default;
  virtual void print(std::string_view text) = 0;   ///< one line, without its end
};

class Console {
 public:
  Console(Door& door, ConsoleOutput& out) : door_(door), out_(out) {}

  /// One line without its end; longer than `maxLine` is refused. False when the command is not known, so that the
  /// caller may try words of its own.
  bool line(std::string_view text);

  static constexpr std::size_t maxLine = 600;
  static constexpr std::size_t maxValue = 4096;

 private:
  void show();
  void showUpdate();
  void showLog(std::string_view count);
  void set(std::string_view rest);
  void collect(std::string_view text);
  void say(Status status);
  void factoryReset(std::string_view answer);

  Door& door_;
  ConsoleOutput& out_;
  bool collecting_ = false;
  char name_[32] = {};
  char value_[maxValue] = {};
  std::size_t valueLength_ = 0;
};

}  // namespace esplock

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "console/console.h"
#include "door/door.h"
#include "ports/light_strip.h"
#include "ports/log.h"
#include "ports/output_pin.h"

namespace host {

/// What people or programs see of the virtual door: a line a change on stdout, as text or as one JSON object a line.
class Terminal final : public esplock::DoorObserver,
                       public esplock::OutputPin,
                       public esplock::LightStrip,
                       public esplock::Log,
                       public esplock::ConsoleOutput {
 public:
  Terminal(bool json, bool verbose) : json_(json), verbose_(verbose) {}

  void onLock(esplock::LockReading reading) override;
  void onSession(esplock::SessionState state) override;
  void onLight(esplock::LightPattern pattern) override;
  void onSessionTrouble(esplock::SessionTrouble trouble) override;
  void onCommand(const char* act, esplock::ReceiptCode code) override;
  void onFactoryReset(esplock::Status status) override;
  void onUpdate(const char* phase, const char* version, const char* code) override;

  void write(bool active) override;                    ///< relay pin
  void show(esplock::Colour) override {}               ///< patterns are shown by onLight
  void write(esplock::LogLevel level, const char* cause, std::int64_t detail) override;
  void print(std::string_view text) override;

  void start(std::string_view doorId, std::string_view server, std::string_view version);
  void key(std::string_view kid);
  void stopped(const char* why);

  /// How far a download has come, in percent; a line only where it has moved on.
  void progress(unsigned percent);

  /// The supervisor starts what is in a slot; `why` it went back to it, or "".
  void image(const char* slot, bool onTrial, std::string_view why);

  /// The last trouble, for the program's decision to give up; cleared by taking it.
  bool takeTrouble(esplock::SessionTrouble& out, std::string& code);
  bool everLive() const { return everLive_; }

  /// Without control characters: some of this text comes from the relay.
  static void error(std::string_view text);

 private:
  void line(const std::string& text);

  bool json_;
  bool verbose_;
  bool everLive_ = false;
  unsigned shownPercent_ = 0;
  bool hasTrouble_ = false;
  esplock::SessionTrouble trouble_;
  std::string troubleCode_;
};

}  // namespace host

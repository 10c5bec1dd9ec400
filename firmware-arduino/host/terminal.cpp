#include "terminal.h"

#include <unistd.h>

#include "json/writer.h"

namespace host {
namespace {

using esplock::json::Writer;

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  return result;
}

void put(int file, std::string text) {
  text += '\n';
  const ssize_t written = ::write(file, text.data(), text.size());   // one call a line: lines never mix
  (void)written;
}

template <typename Fill>
std::string object(const char* type, Fill fill) {
  char buffer[1024];
  Writer json(buffer, sizeof buffer);
  json.beginObject().member("t", type);
  fill(json);
  json.endObject();
  return std::string(json.view());
}

}  // namespace

void Terminal::line(const std::string& text) { put(STDOUT_FILENO, text); }

void Terminal::error(std::string_view text) { put(STDERR_FILENO, "esplock-door: " + printable(text)); }

void Terminal::onLock(esplock::LockReading reading) {
  const char* const requested = textOf(reading.requested);
  const char* const reported = textOf(reading.reported);
  const char* const contact = textOf(reading.contact);
  if (!json_) return line(std::string("lock     ") + reported + " (asked: " + requested + ", leaf: " + contact + ")");
  line(object("lock", [&](Writer& json) {
    json.member("requested", requested).member("reported", reported).member("contact", contact);
  }));
}

void Terminal::onSession(esplock::SessionState state) {
  everLive_ = everLive_ || state == esplock::SessionState::live;
  if (!json_) return line(std::string("session  ") + textOf(state));
  line(object("session", [&](Writer& json) { json.member("state", textOf(state)); }));
}

void Terminal::onLight(esplock::LightPattern pattern) {
  const esplock::LightRow& row = esplock::rowOf(pattern);
  if (!json_) {
    // A blink every ten seconds would drown what matters to a reader; programs get it.
    if (pattern == esplock::LightPattern::keep_alive) return;
    return line(std::string("led      ") + row.colour + " " + std::to_string(row.times) + " x " +
                std::to_string(row.onMs) + " ms (" + row.name + ")");
  }
  line(object("led", [&](Writer& json) {
    json.member("pattern", row.name).member("colour", row.colour);
    json.member("times", static_cast<std::int64_t>(row.times)).member("ms", static_cast<std::int64_t>(row.onMs));
  }));
}

void Terminal::onSessionTrouble(esplock::SessionTrouble trouble) {
  hasTrouble_ = true;
  trouble_ = trouble;
  troubleCode_ = trouble.code;
  trouble_.code = {};
  const std::string code = printable(trouble.code);
  const int httpStatus = trouble.closed ? 0 : trouble.detail;
  const int closeCode = trouble.closed ? trouble.detail : 0;
  if (!json_) {
    return line(std::string("trouble  ") + textOf(trouble.during) + ": " + textOf(trouble.error) + " http " +
                std::to_string(httpStatus) + " close " + std::to_string(closeCode) + " " + code);
  }
  line(object("trouble", [&](Writer& json) {
    json.member("during", textOf(trouble.during)).member("error", textOf(trouble.error));
    json.member("httpStatus", static_cast<std::int64_t>(httpStatus));
    json.member("closeCode", static_cast<std::int64_t>(closeCode)).member("code", code);
  }));
}

void Terminal::onFactoryReset(esplock::Status status) {
  if (!json_) return line(std::string("reset    ") + textOf(status));
  line(object("reset", [&](Writer& json) { json.member("outcome", textOf(status)); }));
}

bool Terminal::takeTrouble(esplock::SessionTrouble& out, std::string& code) {
  if (!hasTrouble_) return false;
  hasTrouble_ = false;
  out = trouble_;
  code = troubleCode_;
  return true;
}

void Terminal::onCommand(const char* act, esplock::ReceiptCode code) {
  if (!json_) return line(std::string("command  ") + (*act == '\0' ? "?" : act) + ": " + textOf(code));
  line(object("command", [&](Writer& json) { json.member("act", act).member("code", textOf(code)); }));
}

void Terminal::onUpdate(const char* phase, const char* version, const char* code) {
  const bool hasCode = *code != '\0';
  if (!json_) return line("update   " + printable(version) + " " + phase + (hasCode ? std::string(": ") + code : ""));
  line(object("update", [&](Writer& json) {
    json.member("phase", phase).member("version", printable(version));
    if (hasCode) json.member("code", code);
  }));
}

void Terminal::progress(unsigned percent) {
  const unsigned step = json_ ? 1 : 10;   // for a reader ten lines are enough
  if (percent / step == shownPercent_ / step) return;
  shownPercent_ = percent;
  if (percent == 0) return;
  if (!json_) return line("update   " + std::to_string(percent / step * step) + " %");
  line(object("update", [&](Writer& json) {
    json.member("phase", "progress").member("percent", static_cast<std::int64_t>(percent));
  }));
}

void Terminal::write(bool active) {
  if (!json_) return line(std::string("relay    ") + (active ? "active" : "inactive"));
  line(object("relay", [&](Writer& json) { json.name("active").boolean(active); }));
}

void Terminal::write(esplock::LogLevel level, const char* cause, std::int64_t detail) {
  if (!verbose_) return;
  if (!json_) return line(std::string("log      ") + textOf(level) + " " + cause + " " + std::to_string(detail));
  line(object("log", [&](Writer& json) {
    json.member("level", textOf(level)).member("cause", cause).member("detail", detail);
  }));
}

void Terminal::print(std::string_view text) {
  if (!json_) return line("> " + printable(text));
  line(object("console", [&](Writer& json) { json.member("text", printable(text)); }));
}

void Terminal::start(std::string_view doorId, std::string_view server, std::string_view version) {
  if (!json_) return line("door     " + printable(doorId) + " at " + printable(server) + ", firmware " + printable(version));
  line(object("door", [&](Writer& json) {
    json.member("doorId", doorId).member("server", server).member("version", printable(version));
    json.member("pid", static_cast<std::int64_t>(::getpid()));
  }));
}

void Terminal::image(const char* slot, bool onTrial, std::string_view why) {
  if (!json_) {
    return line(std::string("image    ") + slot + (onTrial ? ", on trial" : "") +
                (why.empty() ? "" : ", the one before was taken back: " + std::string(why)));
  }
  line(object("image", [&](Writer& json) {
    json.member("slot", slot).name("trial").boolean(onTrial);
    if (!why.empty()) json.member("why", why);
  }));
}

void Terminal::key(std::string_view kid) {
  if (!json_) return line("key      " + std::string(kid));
  line(object("key", [&](Writer& json) { json.member("kid", kid); }));
}

void Terminal::stopped(const char* why) {
  if (!json_) return line(std::string("stopped  ") + why);
  line(object("stopped", [&](Writer& json) { json.member("why", why); }));
}

}  // namespace host

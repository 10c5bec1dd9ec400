#pragma once

#include "net/jobs.h"
#include "ports/clock.h"
#include "ports/https.h"

namespace board {

/// The door's side of the POST job: fills it in, keeps the time limit, hands the answer out. Never waits.
class PostLink {
 public:
  PostLink(PostJob& job, esplock::Clock& clock) : job_(job), clock_(clock) {}

  bool start(std::string_view path, std::string_view body);
  esplock::PostState poll(esplock::PostAnswer& answer);
  void cancel();

 private:
  PostJob& job_;
  esplock::Clock& clock_;
  bool posting_ = false;
  std::uint64_t postLimitMs_ = 0;
};

}  // namespace board

#pragma once

#include "net/network_task.h"
#include "ports/clock.h"
#include "ports/https.h"

namespace board {

/// The door's side of the POST job: fills it in, keeps the time limit, hands the answer out. Never waits.
class PostLink {
 public:
  PostLink(NetworkTask& network, esplock::Clock& clock) : network_(network), job_(network.post), clock_(clock) {}

  bool start(const esplock::RelayAddress& relay, std::string_view path, std::string_view body);
  esplock::PostState poll(esplock::PostAnswer& answer);
  void cancel();

 private:
  NetworkTask& network_;
  PostJob& job_;
  esplock::Clock& clock_;
  bool posting_ = false;
  std::uint64_t postLimitMs_ = 0;
};

}  // namespace board

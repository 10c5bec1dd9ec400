#pragma once

#include <freertos/FreeRTOS.h>
#include <freertos/task.h>

#include <atomic>
#include <cstdint>

#include "net/event_slot.h"
#include "net/jobs.h"
#include "net/relay_socket.h"
#include "net/send_queue.h"
#include "net/server.h"

namespace board {

/// The task that may wait: TLS handshakes, HTTP, the socket. The door's task reaches it through the public members
/// alone, each of which says who may touch what. Not under the watchdog, because a handshake can take long; the beat
/// tells whether it still turns.
class NetworkTask {
 public:
  NetworkTask()
      : post(events.bytes),
        server(reinterpret_cast<char*>(events.bytes) + PostJob::bodyBytes),
        socket_(events) {}

  bool start();

  /// One turn; the task does nothing else, for ever.
  void turn();

  /// Null before start().
  TaskHandle_t handle() const { return handle_; }

  /// Turns so far: unchanged for minutes means hung.
  std::uint32_t beat() const { return beat_.load(std::memory_order_relaxed); }

  /// D: neither POST nor socket is under way, so a job and the server may be filled in. The two are never under way
  /// together (the core registers without a socket), and no frame comes before a socket is connected: so body and CA lie in
  /// the bytes of the events.
  bool idle() const { return post.turn.isFree() && socketJob.turn.isFree(); }

  EventSlot events;
  PostJob post;
  SocketJob socketJob;
  SendQueue outgoing;
  Server server;

 private:
  static void run(void* self);
  void turnSocket();

  RelaySocket socket_;
  TaskHandle_t handle_ = nullptr;
  bool socketRunning_ = false;
  std::atomic<std::uint32_t> beat_{0};
};

}  // namespace board

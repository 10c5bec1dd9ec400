#include "net/network_task.h"

#include "board_defaults.h"
#include "net/close_codes.h"
#include "net/https_post.h"

namespace board {
namespace {

constexpr TickType_t pause = pdMS_TO_TICKS(10);

}  // namespace

bool NetworkTask::start() {
  return xTaskCreate(&NetworkTask::run, "esplock-net", networkStackBytes, this, networkPriority, &handle_) == pdPASS;
}

void NetworkTask::run(void* self) {
  for (;;) static_cast<NetworkTask*>(self)->turn();
}

void NetworkTask::turn() {
  beat_.fetch_add(1, std::memory_order_relaxed);
  if (socketRunning_) {
    turnSocket();
  } else if (post.turn.begin()) {
    runPost(server, post);
    post.turn.finish();
  } else if (socketJob.turn.begin()) {
    outgoing.drop();   // what the socket before left behind
    socketRunning_ = true;
    socket_.open(server, socketJob);
  }
  vTaskDelay(pause);
}

void NetworkTask::turnSocket() {
  const bool alive = socket_.turn();
  bool binary = false;
  const std::uint8_t* data = nullptr;
  std::size_t length = 0;
  while (socket_.isOpen() && outgoing.front(binary, data, length)) {
    if (!socket_.send(binary, data, length)) {
      socket_.close(closeInternal);   // half a frame cannot be mended
      break;
    }
    outgoing.pop();
  }
  const std::uint16_t code = socketJob.closeCode.load(std::memory_order_acquire);
  if (code != 0) socket_.close(code);   // after what was queued
  if (alive) return;
  socketRunning_ = false;
  socketJob.turn.finish();
}

}  // namespace board

#include "update/update_state.h"

namespace esplock {
namespace {

using S = UpdateState;
using I = UpdateInput;

struct Edge {
  S from;
  I input;
  S to;
};

constexpr Edge edges[] = {
    {S::idle, I::accepted, S::downloading},
    {S::idle, I::resumed, S::rebuilding},
    {S::rebuilding, I::rebuilt, S::downloading},
    {S::rebuilding, I::suspended, S::idle},
    {S::rebuilding, I::failed, S::idle},
    {S::downloading, I::complete, S::checking},
    {S::downloading, I::suspended, S::idle},
    {S::downloading, I::failed, S::idle},
    {S::checking, I::verified, S::ready},
    {S::checking, I::suspended, S::idle},
    {S::checking, I::failed, S::idle},
    {S::ready, I::switched, S::restarting},
    {S::ready, I::suspended, S::idle},
    {S::ready, I::failed, S::idle},
};

}  // namespace

UpdateState transition(UpdateState state, UpdateInput input) {
  for (const Edge& edge : edges) {
    if (edge.from == state && edge.input == input) return edge.to;
  }
  return state;
}

const char* textOf(UpdateState state) {
  switch (state) {
    case S::idle: return "idle";
    case S::rebuilding: return "rebuilding";
    case S::downloading: return "downloading";
    case S::checking: return "checking";
    case S::ready: return "ready";
    case S::restarting: return "restarting";
  }
  return "idle";
}

}  // namespace esplock

#include "channels/transition.h"

namespace esplock {
namespace {

using S = SessionState;
using I = SessionInput;

struct Edge {
  S from;
  I input;
  S to;
};

constexpr Edge edges[] = {
    {S::unconfigured, I::configured, S::making_key},
    {S::making_key, I::key_ready, S::joining},
    {S::joining, I::key_missing, S::making_key},
    {S::joining, I::network_up, S::challenging},
    {S::joining, I::network_up_token, S::connecting},
    {S::challenging, I::answered, S::registering},
    {S::challenging, I::failed, S::waiting},
    {S::registering, I::answered, S::joining},   // with a token now, and perhaps a spare key to make
    {S::registering, I::failed, S::waiting},
    {S::connecting, I::opened, S::greeting},
    {S::connecting, I::failed, S::waiting},
    {S::greeting, I::welcomed, S::live},
    {S::greeting, I::failed, S::waiting},
    {S::live, I::failed, S::waiting},
    {S::waiting, I::delay_over, S::joining},
    {S::closing, I::closed, S::stopped},
    {S::closing, I::failed, S::stopped},
};

}  // namespace

SessionState transition(SessionState state, SessionInput input) {
  if (state == S::stopped) return S::stopped;
  if (input == I::stop && state != S::closing) return S::stopped;
  if (input == I::stop_open) return S::closing;
  if (input == I::unconfigured && state != S::closing) return S::unconfigured;
  for (const Edge& edge : edges) {
    if (edge.from == state && edge.input == input) return edge.to;
  }
  return state;
}

}  // namespace esplock

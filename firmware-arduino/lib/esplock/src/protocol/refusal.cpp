#include "protocol/refusal.h"

namespace esplock {

Refusal refusalOfStatus(int httpStatus) {
  switch (httpStatus) {
    case 0: return Refusal::no_answer;
    case 101:
    case 200: return Refusal::none;
    case 401: return Refusal::credentials;
    case 403: return Refusal::door;
    case 409: return Refusal::conflict;
    default: return Refusal::other;
  }
}

const char* textOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::none: return "none";
    case Refusal::no_answer: return "no_answer";
    case Refusal::credentials: return "credentials";
    case Refusal::door: return "door";
    case Refusal::conflict: return "conflict";
    case Refusal::other: return "other";
  }
  return "other";
}

}  // namespace esplock

// Linked into the virtual door this makes an image that runs well and reaches no relay: every connection is refused.
#include <sys/socket.h>

#include <cerrno>

extern "C" int connect(int, const sockaddr*, socklen_t) {
  errno = ECONNREFUSED;
  return -1;
}

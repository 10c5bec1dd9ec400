#pragma once

#include "net/jobs.h"
#include "net/server.h"

namespace board {

/// One POST from start to end, blocking: for the network's task. The answer takes the request's place in the job.
void runPost(const Server& server, PostJob& job);

}  // namespace board

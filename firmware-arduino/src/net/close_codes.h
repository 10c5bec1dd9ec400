// RFC 6455, 7.4: the codes the adapter itself says or reports; those of the protocol are the core's (protocol 5.6).
#pragma once

#include <cstdint>

namespace board {

constexpr std::uint16_t closeWentBad = 1002;
constexpr std::uint16_t closeNotUnderstood = 1003;
constexpr std::uint16_t closeNoStatus = 1005;
constexpr std::uint16_t closeAbnormal = 1006;
constexpr std::uint16_t closeTooBig = 1009;
constexpr std::uint16_t closeInternal = 1011;

}  // namespace board

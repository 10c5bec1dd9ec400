#pragma once

#include "json/writer.h"

namespace esplock {

/// Writes the `state` object of protocol 5.3.
class StateSource {
 public:
  virtual ~StateSource() = default;
  virtual void writeState(json::Writer& json) = 0;
};

}  // namespace esplock

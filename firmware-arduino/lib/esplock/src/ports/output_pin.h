#pragma once

namespace esplock {

/// The relay that moves the bolt. `active` means "let the door open"; whether that is a high or a low level is the
/// pin map's business, and the adapter's constructor must leave the pin inactive without an edge.
class OutputPin {
 public:
  virtual ~OutputPin() = default;
  virtual void write(bool active) = 0;
};

}  // namespace esplock

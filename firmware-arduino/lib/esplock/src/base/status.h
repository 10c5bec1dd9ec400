// Outcomes of the core, each with a text: code branches on the value, people read the text.
#pragma once

#include <cstdint>

namespace esplock {

/// What a call inside the core came to. Never thrown, always returned.
enum class Status : std::uint8_t {
  ok,
  malformed,        ///< input is not in the form its reader demands
  too_big,          ///< input or output passes a fixed bound
  invalid_value,    ///< well formed, but outside what is allowed
  not_found,        ///< nothing stored under that name
  corrupt,          ///< stored, but does not authenticate or decode
  out_of_memory,    ///< the device had none to spare
  crypto_failed,    ///< the crypto library refused; deliberately without detail
  store_failed,     ///< the key-value store could not write or read
  busy,             ///< not now, try again
  unsupported,      ///< understood, but not built in
  not_configured,   ///< settings that are needed are missing
};

/// The `code` of a receipt (protocol 6.4). `textOf` gives the word on the wire.
enum class ReceiptCode : std::uint8_t {
  ok,
  malformed,
  wrong_door,
  wrong_scope,
  stale,
  replayed,
  bad_credential,
  locked_out,
  unsupported,
  invalid_params,
  busy,
  failed,
  challenge_required,
};

const char* textOf(Status status);
const char* textOf(ReceiptCode code);

}  // namespace esplock

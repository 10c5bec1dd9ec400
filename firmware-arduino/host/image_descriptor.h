#pragma once

#include <cstdint>

namespace host {

/// What an image says of itself, at a fixed layout inside the file, as an ESP-IDF image has its `esp_app_desc_t`: tools
/// find it by its magic and read it without running the image. Strings end in zeros; the number is little-endian.
struct ImageDescriptor {
  char magic[16];                  ///< "esplock-image-1" and a zero; once in a file
  char version[72];                ///< semver, at most 64 characters (protocol 12.1)
  char board[72];
  std::uint8_t securityVersion[4];
  std::uint8_t reserved[28];
};
static_assert(sizeof(ImageDescriptor) == 192, "tools rely on the layout");

/// Of the running image. Strings live as long as the program.
const char* imageVersion();
const char* imageBoard();
std::uint32_t imageSecurityVersion();

}  // namespace host

// Mirrors WiFiClientSecure.h of arduino-esp32 3.3.11, without its #warning that the name is deprecated.
#pragma once
#include "NetworkClientSecure.h"
#define WiFiClientSecure NetworkClientSecure

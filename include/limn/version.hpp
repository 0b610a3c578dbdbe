#pragma once
// The one place that states limn's version; CMake reads it from here.
#define LIMN_VERSION_MAJOR 0
#define LIMN_VERSION_MINOR 1
#define LIMN_VERSION_PATCH 0

// Limits and fixed numbers of docs/formats/tt.md. The writer keeps them too, so that tt never refuses its own
// file. (A file limits.h would hide the one of the system: Meson puts this folder on the include path.) file.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace tt::container {

inline constexpr std::uint64_t kMaxHeader = 8u << 20;
inline constexpr std::uint64_t kMaxStoredManifest = 16u << 20;
inline constexpr std::uint64_t kMaxManifestJson = 16u << 20;  // plus 1 KiB a hash
inline constexpr std::uint64_t kMaxWeights = 1u << 18;
inline constexpr std::uint64_t kMinTypedCore = 16384;
inline constexpr std::uint64_t kAlignment = 64;
inline constexpr std::uint64_t kOverheadPerWeight = 64, kOverheadPerFile = 4096;

inline constexpr const char* kCoresName = "tt.cores";
inline constexpr const char* kSkeletonName = "tt.skeleton";
inline constexpr const char* kManifestName = "tt.manifest";

// Runs `read`, which interprets untrusted bytes; what it finds wrong with them becomes corrupt, prefixed by
// `where`.
template <typename Function>
auto as_corrupt(const std::string& where, Function&& read) {
  try {
    return read();
  } catch (const base::Error& error) {
    const bool data = error.kind() == base::ErrorKind::bad_data || error.kind() == base::ErrorKind::usage ||
                      error.kind() == base::ErrorKind::corrupt;
    if (!data) throw;
    throw base::Error(base::ErrorKind::corrupt, where + ": " + error.what(), error.hint());
  }
}

[[noreturn]] inline void refuse(const std::string& message) {
  throw base::Error(base::ErrorKind::corrupt, message);
}

}  // namespace tt::container

// Opening a file named by a stranger inside a folder chosen by the user.
#pragma once

#include <string>

#include "base/posix.h"

namespace tt::base {

// kernel: openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS (Linux 5.6), the walk where the kernel or a
// sandbox lacks it. walk: one openat with O_NOFOLLOW a component.
enum class Resolver { kernel, walk };

// Opens a relative path below `folder` ("" is the working folder) for reading; the caller checks what kind of
// file it is. Errors: bad_data (absolute, "..", NUL, symbolic link unless allowed), not_found.
Fd open_path_beneath(const std::string& folder, const std::string& location, bool allow_symlinks,
                     Resolver resolver = Resolver::kernel);

}  // namespace tt::base

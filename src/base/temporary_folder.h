// A folder for files that another program reads, gone with its object.
#pragma once

#include <string>

namespace tt::base {

class TemporaryFolder {
 public:
  // Mode 0700, in TMPDIR or /tmp. Errors: cannot_create.
  TemporaryFolder();
  // Removes it with everything inside; links are removed, never followed.
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tt::base

#include "base/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/posix.h"
#include "base/text.h"

namespace tt::base {

TemporaryFolder::TemporaryFolder() {
  const char* variable = std::getenv("TMPDIR");
  const std::string parent = variable != nullptr && *variable != '\0' ? variable : "/tmp";
  path_ = parent + "/tt-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr)
    throw_system(ErrorKind::cannot_create, "cannot create a temporary folder in " + base::quoted(parent),
                 errno, "set TMPDIR to a writable folder");
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // what is left then is the system's to clean
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace tt::base

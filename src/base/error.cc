#include "base/error.h"

namespace tt::base {

std::string_view kind_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return "usage";
    case ErrorKind::config: return "config";
    case ErrorKind::bad_data: return "bad_data";
    case ErrorKind::corrupt: return "corrupt";
    case ErrorKind::unsupported: return "unsupported";
    case ErrorKind::resource_limit: return "resource_limit";
    case ErrorKind::goal_unreachable: return "goal_unreachable";
    case ErrorKind::gate_failed: return "gate_failed";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::network: return "network";
    case ErrorKind::internal: return "internal";
    case ErrorKind::cannot_create: return "cannot_create";
    case ErrorKind::write_failed: return "write_failed";
    case ErrorKind::locked: return "locked";
    case ErrorKind::denied: return "denied";
    case ErrorKind::interrupted: return "interrupted";
    case ErrorKind::terminated: return "terminated";
  }
  return "internal";
}

}  // namespace tt::base

// The one exception type of tt: a closed set of kinds, a message for the user, a hint on what to do.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace tt::base {

// Each kind has one spelling in JSON (kind_name) and one exit status (cli/exit_status.h).
enum class ErrorKind {
  usage,             // wrong options or arguments
  config,            // a configuration file or variable
  bad_data,          // unusable input: malformed model, samples, labels
  corrupt,           // a tt file whose bytes are not what was written
  unsupported,       // well-formed, but of a version or kind that this tt cannot read
  resource_limit,    // a claimed or needed size is above a limit
  goal_unreachable,  // the size or quality goal cannot be met
  gate_failed,       // a check of the user's failed
  not_found,         // input absent or unreadable
  network,           // network failure or deadline
  internal,          // a bug of tt
  cannot_create,     // the output cannot be created
  write_failed,      // the output could be created, but not written
  locked,            // another process holds the lock
  denied,            // key, signature or permission
  interrupted,       // SIGINT
  terminated,        // SIGTERM
};

std::string_view kind_name(ErrorKind kind);

// `message` reads "what, where, why" in lower case without a period; `hint` says what to do (may be empty).
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}
  ErrorKind kind() const { return kind_; }
  const std::string& hint() const { return hint_; }

 private:
  ErrorKind kind_;
  std::string hint_;
};

}  // namespace tt::base

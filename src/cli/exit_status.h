// The exit status of every kind of error; docs/cli.md lists them for users.
#pragma once

#include <exception>
#include <string>

#include "base/error.h"

namespace tt::cli {

int exit_status(base::ErrorKind kind);

// Any exception as an Error: bad_alloc is resource_limit, everything else is internal.
base::Error as_error(const std::exception_ptr& exception);

// "tt: error: ..." and "tt: hint: ..." on standard error; with `json` also
// {"error":{"kind","message","hint"}} on standard output, except for gate_failed, whose report is there
// already. Never throws. Returns the exit status.
int report_error(const base::Error& error, bool json);

}  // namespace tt::cli

// SIGINT and SIGTERM set a flag; long work polls it and unwinds, so that temporary files go. A second signal
// ends at once.
#pragma once

namespace tt::base {

void install_signal_handlers();  // also ignores SIGPIPE and SIGXFSZ: they become write errors
// Errors: interrupted or terminated after a signal.
void check_cancelled();

}  // namespace tt::base

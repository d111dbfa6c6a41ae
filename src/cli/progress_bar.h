// Where long work is, on standard error: phase, weights done, bytes, time left. Nothing but a terminal gets a
// bar by default.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/progress.h"

namespace tt::cli {

enum class ProgressMode { automatic, always, never };

// How standard error can be written to.
struct TerminalTraits {
  bool is_terminal = false;  // a terminal that can move the cursor (TERM is not "dumb")
  bool color = false;        // a terminal, and NO_COLOR is not set
  int columns = 80;
};
TerminalTraits standard_error_traits();

// One line: "compress  [#####-----]  12/48 weights  3.20 MB  8 s left", cut to `columns` - 1. Colour is added
// around the bar.
std::string progress_line(std::string_view phase, std::uint64_t done, std::uint64_t weights,
                          std::uint64_t bytes, std::uint64_t all_bytes, double seconds,
                          const TerminalTraits& terminal);

// Redraws one line on a terminal at most ten times a second; elsewhere (`always`) writes a line a phase and
// one every ten seconds. step() may come from any thread. The destructor removes an unfinished line, so that
// an error starts on a clean one.
class ProgressBar : public base::Progress {
 public:
  ProgressBar(ProgressMode mode, const TerminalTraits& terminal);
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void start(std::string_view phase, std::uint64_t weights, std::uint64_t bytes) override;
  void step(std::uint64_t bytes) override;
  void done() override;

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);
  void clear();

  const TerminalTraits terminal_;
  const bool enabled_;
  std::mutex mutex_;
  std::string phase_;
  std::uint64_t weights_ = 0, done_ = 0, all_bytes_ = 0, bytes_ = 0;
  Clock::time_point started_, drawn_;
  bool visible_ = false;
};

}  // namespace tt::cli

#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"

namespace tt::cli {
namespace {

constexpr int kBarWidth = 24;
constexpr double kRedrawSeconds = 0.1;  // on a terminal
constexpr double kLineSeconds = 10;     // elsewhere
constexpr double kEstimateAfter = 0.5;  // seconds, before that "left" is a guess

double share_of(std::uint64_t done, std::uint64_t weights, std::uint64_t bytes, std::uint64_t all_bytes) {
  const double share = all_bytes > 0 ? static_cast<double>(bytes) / static_cast<double>(all_bytes)
                       : weights > 0 ? static_cast<double>(done) / static_cast<double>(weights)
                                     : 0;
  return std::clamp(share, 0.0, 1.0);
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
  if (whole >= 60) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} s", whole);
}

void write_error(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

TerminalTraits standard_error_traits() {
  TerminalTraits traits;
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  traits.is_terminal = ::isatty(STDERR_FILENO) == 1 && term && std::string_view(term) != "dumb";
  traits.color = traits.is_terminal && !(no_color && *no_color);
  winsize size{};
  if (traits.is_terminal && ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    traits.columns = size.ws_col;
  return traits;
}

std::string progress_line(std::string_view phase, std::uint64_t done, std::uint64_t weights,
                          std::uint64_t bytes, std::uint64_t all_bytes, double seconds,
                          const TerminalTraits& terminal) {
  const double share = share_of(done, weights, bytes, all_bytes);
  const int filled = static_cast<int>(share * kBarWidth);
  const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                          std::string(static_cast<std::size_t>(kBarWidth - filled), '-');
  std::string rest = fmt::format("]  {}/{} weights  {}", done, weights, base::format_bytes(bytes));
  if (share > 0 && share < 1 && seconds >= kEstimateAfter)
    rest += "  " + duration_text(seconds * (1 - share) / share) + " left";
  const std::string start = std::string(phase) + "  [";
  const std::size_t room = static_cast<std::size_t>(std::max(terminal.columns - 1, 1));
  if (start.size() + bar.size() + rest.size() > room)
    return fmt::format("{} {}/{}", phase, done, weights).substr(0, room);
  return terminal.color ? start + "\x1b[32m" + bar + "\x1b[0m" + rest : start + bar + rest;
}

ProgressBar::ProgressBar(ProgressMode mode, const TerminalTraits& terminal)
    : terminal_(terminal),
      enabled_(mode == ProgressMode::always || (mode == ProgressMode::automatic && terminal.is_terminal)) {}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::start(std::string_view phase, std::uint64_t weights, std::uint64_t bytes) {
  if (!enabled_) return;
  const std::lock_guard lock(mutex_);
  clear();
  phase_ = phase;
  weights_ = weights, all_bytes_ = bytes;
  done_ = bytes_ = 0;
  started_ = Clock::now();
  draw(started_);
}

void ProgressBar::step(std::uint64_t bytes) {
  if (!enabled_) return;
  const std::lock_guard lock(mutex_);
  ++done_;
  bytes_ += bytes;
  const Clock::time_point now = Clock::now();
  const double since = std::chrono::duration<double>(now - drawn_).count();
  if (since >= (terminal_.is_terminal ? kRedrawSeconds : kLineSeconds)) draw(now);
}

void ProgressBar::done() {
  if (!enabled_) return;
  const std::lock_guard lock(mutex_);
  clear();
}

void ProgressBar::draw(Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const std::string line = progress_line(phase_, done_, weights_, bytes_, all_bytes_, seconds, terminal_);
  write_error(terminal_.is_terminal ? "\r\x1b[2K" + line : "tt: " + line + "\n");
  drawn_ = now;
  visible_ = terminal_.is_terminal;
}

void ProgressBar::clear() {
  if (visible_) write_error("\r\x1b[2K");
  visible_ = false;
}

}  // namespace tt::cli

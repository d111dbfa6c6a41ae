#include "base/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/cancel.h"
#include "base/posix.h"
#include "base/text.h"

namespace tt::base {
namespace {

using Clock = std::chrono::steady_clock;

// What a new process gets: empty input, our pipe as output, a group of its own, signals as usual.
class SpawnSettings {
 public:
  explicit SpawnSettings(int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawnattr_init(&attributes_);
    sigset_t usual;
    sigemptyset(&usual);
    for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ}) sigaddset(&usual, number);
    ::posix_spawnattr_setsigdefault(&attributes_, &usual);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  int spawn(const std::vector<std::string>& words, pid_t& pid) const {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    return ::posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// A started program; the destructor ends whatever is left of its group.
class Running {
 public:
  Running(const std::vector<std::string>& words, std::string name) : name_(std::move(name)) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_system(ErrorKind::resource_limit, "cannot run " + name_, errno);
    output_ = Fd(ends[0]);
    const Fd input(ends[1]);
    const int error = SpawnSettings(input.get()).spawn(words, pid_);
    if (error == 0) return;
    pid_ = -1;
    const bool lacks_room = error == EAGAIN || error == ENOMEM;
    throw_system(lacks_room ? ErrorKind::resource_limit : ErrorKind::not_found, "cannot run " + name_, error,
                 lacks_room ? "" : "check that the program is in PATH and may be run");
  }
  ~Running() {
    if (pid_ < 0) return;
    // Not reaped yet, so that the number still is this group's.
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // The whole output until the program ends; a process that it leaves behind may keep the pipe open.
  std::string output(const std::optional<Clock::time_point>& deadline) {
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    while (!ended()) {
      check_cancelled();
      if (deadline && Clock::now() > *deadline)
        throw Error(ErrorKind::resource_limit, name_ + " took longer than its time limit",
                    "raise the limit, or give it less to do");
      pollfd entry{output_.get(), static_cast<short>(open_ ? POLLIN : 0), 0};
      ::poll(&entry, open_ ? 1 : 0, 20);
      take();
    }
    take();
    check_status();
    return std::move(tail_);
  }

 private:
  bool ended() {
    end_.si_pid = 0;
    return ::waitid(P_PID, static_cast<id_t>(pid_), &end_, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           end_.si_pid != 0;
  }

  void take() {
    char buffer[4096];
    while (open_) {
      const ssize_t got = ::read(output_.get(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return;
      if (got == 0) open_ = false;
      tail_.append(buffer, static_cast<std::size_t>(got));
      if (tail_.size() > 2 * kOutputTail) tail_.erase(0, tail_.size() - kOutputTail);
    }
    if (tail_.size() > kOutputTail) tail_.erase(0, tail_.size() - kOutputTail);
  }

  void check_status() const {
    if (end_.si_code == CLD_EXITED && end_.si_status == 0) return;
    const std::string number = std::to_string(end_.si_status);
    throw Error(
        ErrorKind::bad_data,
        name_ + (end_.si_code == CLD_EXITED ? " gave exit status " : " was killed by signal ") + number,
        "run it by hand on the same model to see why");
  }

  std::string name_;
  Fd output_;
  pid_t pid_ = -1;
  siginfo_t end_{};
  bool open_ = true;
  std::string tail_;
};

}  // namespace

std::string run_command(const std::vector<std::string>& words, double seconds) {
  std::optional<Clock::time_point> deadline;
  if (seconds > 0 && seconds < 1e9)
    deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  Running program(words, "command " + quoted(words.at(0)));
  return program.output(deadline);
}

}  // namespace tt::base

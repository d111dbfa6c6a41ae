#include "base/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <new>

#include "base/cancel.h"

namespace tt::base {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHead = 9;
constexpr std::size_t kPiece = 16 << 20;  // a claimed length is believed piece by piece

Bytes message_head(std::uint64_t length, std::uint8_t kind) {
  Bytes head;
  append_le(head, length);
  head.push_back(kind);
  return head;
}

// Without a signal if the other end is gone. Returns false then.
bool send_all(int socket, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

// The child's side: it may wait for ever. Returns false at the end of the stream.
bool read_exact(int socket, std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = ::recv(socket, out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool send_error(int socket, ErrorKind kind, const std::string& message, const std::string& hint) {
  const std::string text = message + '\0' + hint;
  return send_all(socket, message_head(text.size(), static_cast<std::uint8_t>(1 + static_cast<int>(kind)))) &&
         send_all(socket, view_of(text));
}

bool answer(int socket, ByteView request, const std::function<Bytes(ByteView)>& serve) {
  try {
    const Bytes reply = serve(request);
    return send_all(socket, message_head(reply.size(), 0)) && send_all(socket, reply);
  } catch (const Error& error) {
    return send_error(socket, error.kind(), error.what(), error.hint());
  } catch (const std::bad_alloc&) {
    return send_error(socket, ErrorKind::resource_limit, "not enough memory for the child process",
                      "raise its memory limit");
  } catch (const std::exception& error) {
    return send_error(socket, ErrorKind::internal, error.what(), "");
  }
}

std::uint64_t data_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t size = 0, resident = 0, shared = 0, text = 0, lib = 0, data = 0;
  in >> size >> resident >> shared >> text >> lib >> data;
  return data * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// RLIMIT_DATA counts what is really writable; the address space that libraries reserve does not matter.
void limit_self(const ChildLimits& limits) {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::setrlimit(RLIMIT_FSIZE, &none);
  if (limits.memory_bytes == 0) return;
  const rlim_t bytes = data_bytes() + limits.memory_bytes;
  const rlimit data{bytes, bytes};
  ::setrlimit(RLIMIT_DATA, &data);
}

void prepare_child(const ChildLimits& limits, int parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  for (const int number : {SIGINT, SIGTERM}) ::signal(number, SIG_DFL);
  ::signal(SIGXFSZ, SIG_IGN);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
  }
  limit_self(limits);
}

[[noreturn]] void run_child(int socket, const std::function<Bytes(ByteView)>& serve) {
  std::uint8_t head[kHead];
  Bytes request;
  while (read_exact(socket, head)) {
    try {
      request.resize(load_le<std::uint64_t>(head));
    } catch (const std::exception&) {
      break;
    }
    if (!read_exact(socket, request) || !answer(socket, request, serve)) break;
  }
  ::_exit(0);  // the parent's destructors and exit handlers are not for the child
}

[[noreturn]] void throw_reply(int kind, std::string_view text) {
  const std::size_t cut = std::min(text.find('\0'), text.size());
  const bool known = kind - 1 <= static_cast<int>(ErrorKind::terminated);
  throw Error(known ? static_cast<ErrorKind>(kind - 1) : ErrorKind::internal,
              std::string(text.substr(0, cut)), std::string(cut < text.size() ? text.substr(cut + 1) : ""));
}

}  // namespace

Child::Child(const ChildLimits& limits, std::string what, const std::function<Bytes(ByteView)>& serve)
    : limits_(limits), what_(std::move(what)) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw_system(ErrorKind::resource_limit, "cannot start a child process for " + what_, errno);
  socket_ = Fd(ends[0]);
  Fd other(ends[1]);
  const int parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw_system(ErrorKind::resource_limit, "cannot start a child process for " + what_, errno);
  if (pid_ == 0) {
    socket_ = Fd();
    prepare_child(limits_, parent);
    run_child(other.get(), serve);
  }
  ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
}

Child::~Child() {
  end();
}

void Child::end() {
  socket_ = Fd();
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void Child::fail_ended() {
  check_cancelled();
  int status = 0;
  socket_ = Fd();
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
    throw Error(ErrorKind::resource_limit, what_ + " was killed, probably for lack of memory",
                "free memory or use a smaller batch");
  const std::string how = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                              : "exit status " + std::to_string(WEXITSTATUS(status));
  throw Error(ErrorKind::bad_data, what_ + " made its child process crash, " + how,
              "the model or the data is malformed");
}

void Child::wait(short event, const Deadline& deadline) {
  while (true) {
    check_cancelled();
    std::chrono::milliseconds::rep wait_ms = 200;
    if (deadline)
      wait_ms =
          std::min(wait_ms, std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count());
    if (wait_ms < 0) break;
    pollfd entry{socket_.get(), event, 0};
    if (::poll(&entry, 1, static_cast<int>(wait_ms)) > 0) return;
  }
  end();
  throw Error(ErrorKind::resource_limit, what_ + " took longer than its time limit",
              "raise the limit or use a smaller batch");
}

void Child::send(ByteView bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    wait(POLLOUT, deadline);
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) fail_ended();
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

void Child::fill(std::span<std::uint8_t> out, const Deadline& deadline) {
  while (!out.empty()) {
    wait(POLLIN, deadline);
    const ssize_t got = ::recv(socket_.get(), out.data(), out.size(), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) fail_ended();
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

Bytes Child::receive(std::uint64_t length, const Deadline& deadline) {
  if (length > limits_.reply_bytes) {
    end();
    throw Error(ErrorKind::resource_limit, what_ + " gives " + std::to_string(length) + " bytes at once",
                "use a smaller batch");
  }
  Bytes reply;
  while (reply.size() < length) {
    const std::size_t done = reply.size();
    reply.resize(done + static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, length - done)));
    fill(std::span(reply).subspan(done), deadline);
  }
  return reply;
}

Bytes Child::call(ByteView request) {
  if (pid_ < 0)
    throw Error(ErrorKind::bad_data, what_ + " has no child process any more", "see the first error");
  Deadline deadline;
  if (limits_.seconds > 0)
    deadline = Clock::now() +
               std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(limits_.seconds));
  send(message_head(request.size(), 0), deadline);
  send(request, deadline);
  std::uint8_t head[kHead];
  fill(head, deadline);
  Bytes reply = receive(load_le<std::uint64_t>(head), deadline);
  if (head[8] != 0) throw_reply(head[8], text_of(reply));
  return reply;
}

}  // namespace tt::base

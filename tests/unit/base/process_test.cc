// Signals, memory limits and the log: all of them change the process, so most runs are in children.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <new>
#include <regex>
#include <sstream>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/output_file.h"
#include "base/parallel.h"
#include "base/posix.h"
#include "support.h"

using namespace tt::base;
using namespace tt::test;

namespace {

int kind_after(int signal) {
  return in_child([&] {
    install_signal_handlers();
    check_cancelled();
    ::raise(signal);
    const auto kind = kind_of(check_cancelled);
    return kind ? status_of(*kind) : 0;
  });
}

}  // namespace

TEST_CASE("signals set the flag, the second one ends") {
  CHECK(kind_after(SIGINT) == status_of(ErrorKind::interrupted));
  CHECK(kind_after(SIGTERM) == status_of(ErrorKind::terminated));
  CHECK(kind_after(SIGPIPE) == 0);
  CHECK(kind_after(SIGXFSZ) == 0);
  const auto twice = [](int first, int second) {
    return in_child([&] {
      install_signal_handlers();
      ::raise(first);
      ::raise(second);
      return 0;
    });
  };
  CHECK(twice(SIGINT, SIGINT) == -SIGINT);
  CHECK(twice(SIGINT, SIGTERM) == -SIGTERM);
}

TEST_CASE("a signal ends parallel work, with the temporary file gone") {
  Scratch scratch;
  CHECK(in_child([&] {
          install_signal_handlers();
          std::atomic<int> calls{0};
          const auto kind = kind_of([&] {
            OutputFile file = OutputFile::create(scratch / "out");
            parallel_for(1'000'000, 2, [&](std::size_t i) {
              ++calls;
              if (i == 10) ::raise(SIGTERM);
            });
          });
          return kind == ErrorKind::terminated && calls < 1000 ? 0 : 1;
        }) == 0);
  CHECK(scratch.entries() == 0);
}

TEST_CASE("a signal ends waiting for a full pipe and an empty one") {
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  const auto interrupted = [&](const std::function<void()>& action) {
    return in_child([&] {
      install_signal_handlers();
      ::raise(SIGINT);
      const auto kind = kind_of(action);
      return kind ? status_of(*kind) : 0;
    });
  };
  CHECK(interrupted([&] { wait_readable(fds[0]); }) == status_of(ErrorKind::interrupted));
  ::fcntl(fds[1], F_SETFL, O_NONBLOCK);
  CHECK(interrupted([&] { write_all(fds[1], Bytes(1'000'000)); }) == status_of(ErrorKind::interrupted));
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("memory above the limit is refused") {
  CHECK(peak_rss_bytes() > 1'000'000);
  CHECK(peak_rss_bytes() < 100'000'000'000);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they own the heap
  const std::uint64_t before = heap_bytes();
  {
    const std::vector<char> some(1'000'000);
    CHECK(heap_bytes() - before >= 1'000'000);
    CHECK(heap_bytes() - before < 1'100'000);
  }
  CHECK(heap_bytes() == before);
  CHECK(in_child([] {
          limit_heap(heap_bytes() + 1'000'000);
          std::vector<char> fits(900'000);
          try {
            std::vector<char> too_much(200'000);
            return static_cast<int>(too_much[1]) + 1;
          } catch (const std::bad_alloc&) {
            return static_cast<int>(fits[1]);
          }
        }) == 0);
#endif
}

TEST_CASE("no core dumps") {
  CHECK(in_child([] {
          forbid_core_dumps();
          rlimit limit{};
          ::getrlimit(RLIMIT_CORE, &limit);
          return limit.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1;
        }) == 0);
}

namespace {

// What `action` writes to stderr.
std::string talk_of(const std::function<void()>& action) {
  Scratch scratch;
  CHECK(in_child([&] {
          const Fd fd(::open((scratch / "stderr").c_str(), O_WRONLY | O_CREAT, 0600));
          ::dup2(fd.get(), STDERR_FILENO);
          action();
          return 0;
        }) == 0);
  return get(scratch / "stderr");
}

}  // namespace

TEST_CASE("the log as text") {
  CHECK(talk_of([] {
          log_debug("not shown");
          log_info("a {} brace %v");
          log_warn("b");
          log(LogLevel::error, "c");
        }) == "tt: info: a {} brace %v\ntt: warning: b\ntt: error: c\n");
  CHECK(talk_of([] {
          configure_log("error", "text");
          log_warn("not shown");
        }).empty());
  CHECK(talk_of([] {
          configure_log("debug", "text");
          log_debug("d");
        }) == "tt: debug: d\n");
}

TEST_CASE("the log as JSON, one object a line") {
  const std::string text = talk_of([] {
    configure_log("warn", "json");
    log_info("not shown");
    log_warn("a \"quote\"\n\x1b[31m \xff {} %v");
    log(LogLevel::error, "second");
  });
  std::istringstream lines(text);
  std::string line;
  REQUIRE(std::getline(lines, line));
  const Json first = parse_json(line, "line");
  CHECK(first.at("level", "line").as_string("level") == "warning");
  CHECK(first.at("message", "line").as_string("message") == "a \"quote\"\n\x1b[31m \xef\xbf\xbd {} %v");
  const std::regex time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)");
  CHECK(std::regex_match(first.at("time", "line").as_string("time"), time));
  REQUIRE(std::getline(lines, line));
  CHECK(parse_json(line, "line").at("level", "line").as_string("level") == "error");
  CHECK_FALSE(std::getline(lines, line));
}

TEST_CASE("a closed stderr does not disturb, wrong settings do") {
  CHECK(in_child([] {
          ::close(STDERR_FILENO);
          log_warn("x");
          return 0;
        }) == 0);
  CHECK(kind_of([] { configure_log("loud", "text"); }) == ErrorKind::usage);
  CHECK(kind_of([] { configure_log("info", "xml"); }) == ErrorKind::usage);
}

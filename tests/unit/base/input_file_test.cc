#include "base/input_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <thread>

#include "base/beneath.h"
#include "base/text.h"
#include "support.h"

using namespace tt::base;
using namespace tt::test;

TEST_CASE("reads ranges of a file and refuses those beyond its end") {
  Scratch scratch;
  put(scratch / "a", "0123456789");
  const InputFile file = InputFile::open(scratch / "a");
  CHECK(file.name() == scratch / "a");
  CHECK(file.size() == 10);
  CHECK(text_of(file.read_bytes(3, 4)) == "3456");
  CHECK(file.read_bytes(10, 0).empty());
  CHECK(kind_of([&] { file.read_bytes(3, 8); }) == ErrorKind::corrupt);
  CHECK(kind_of([&] { file.read_bytes(11, 0); }) == ErrorKind::corrupt);
  CHECK(kind_of([&] { file.read_bytes(1, ~std::uint64_t{0}); }) == ErrorKind::corrupt);
}

TEST_CASE("notices a file that shrinks or changes") {
  Scratch scratch;
  put(scratch / "a", "0123456789");
  const InputFile file = InputFile::open(scratch / "a");
  file.check_unchanged();
  REQUIRE(::truncate((scratch / "a").c_str(), 5) == 0);
  CHECK(kind_of([&] { file.read_bytes(0, 10); }) == ErrorKind::corrupt);
  CHECK(kind_of([&] { file.check_unchanged(); }) == ErrorKind::bad_data);
}

TEST_CASE("notices other bytes of the same length by the time") {
  Scratch scratch;
  put(scratch / "a", "old");
  const InputFile file = InputFile::open(scratch / "a");
  const timespec times[2] = {{1, 0}, {1, 0}};
  REQUIRE(::utimensat(AT_FDCWD, (scratch / "a").c_str(), times, 0) == 0);
  CHECK(kind_of([&] { file.check_unchanged(); }) == ErrorKind::bad_data);
}

TEST_CASE("what cannot be an input") {
  Scratch scratch;
  REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0666) == 0);
  for (const std::string& path :
       {scratch / "absent", scratch.path(), scratch / "fifo", std::string("/dev/null"),
        scratch / std::string("a\0b", 3), std::string()}) {
    CAPTURE(path);
    CHECK(kind_of([&] { InputFile::open(path); }) == ErrorKind::not_found);
  }
  put(scratch / "secret", "x");
  REQUIRE(::chmod((scratch / "secret").c_str(), 0) == 0);
  CHECK(kind_as_nobody([&] { InputFile::open(scratch / "secret"); }) == status_of(ErrorKind::not_found));
}

TEST_CASE("a name from a stranger is escaped in the message") {
  CHECK(message_of([] { InputFile::open("\x1b[31m"); }) ==
        "cannot read '\\x1b[31m', no such file or directory");
}

TEST_CASE("bytes in memory behave as a file") {
  const InputFile file = InputFile::from_bytes({1, 2, 3}, "three");
  CHECK(file.size() == 3);
  CHECK(file.read_bytes(1, 2) == Bytes{2, 3});
  CHECK(kind_of([&] { file.read_bytes(1, 3); }) == ErrorKind::corrupt);
  file.check_unchanged();
  CHECK_FALSE(file.is_same_file("three"));
}

TEST_CASE("knows its own file under other names") {
  Scratch scratch;
  put(scratch / "a", "x");
  put(scratch / "b", "x");
  std::filesystem::create_hard_link(scratch / "a", scratch / "hard");
  std::filesystem::create_symlink("a", scratch / "soft");
  const InputFile file = InputFile::open(scratch / "a");
  for (const char* name : {"a", "hard", "soft"}) CHECK(file.is_same_file(scratch / name));
  CHECK_FALSE(file.is_same_file(scratch / "b"));
  CHECK_FALSE(file.is_same_file(scratch / "absent"));
}

TEST_CASE("both resolvers of stranger's paths agree") {
  Scratch scratch;
  std::filesystem::create_directories(scratch / "model/sub");
  put(scratch / "outside", "secret");
  put(scratch / "model/w", "weights");
  put(scratch / "model/sub/w", "weights");
  put(scratch / "model/twin", "x");
  std::filesystem::create_hard_link(scratch / "model/twin", scratch / "model/hard");
  std::filesystem::create_symlink("w", scratch / "model/soft");
  std::filesystem::create_symlink("sub", scratch / "model/softsub");
  std::filesystem::create_symlink("..", scratch / "model/up");
  REQUIRE(::mkfifo((scratch / "model/fifo").c_str(), 0666) == 0);
  struct Row {
    std::string location;
    std::optional<ErrorKind> kind;
  };
  const Row rows[] = {
      {"w", {}},
      {"./w", {}},
      {"sub//w", {}},
      {"../outside", ErrorKind::bad_data},
      {"sub/../w", ErrorKind::bad_data},
      {"sub/../../outside", ErrorKind::bad_data},
      {scratch / "model/w", ErrorKind::bad_data},
      {"", ErrorKind::bad_data},
      {".", ErrorKind::bad_data},
      {std::string("w\0x", 3), ErrorKind::bad_data},
      {"soft", ErrorKind::bad_data},
      {"softsub/w", ErrorKind::bad_data},
      {"up/outside", ErrorKind::bad_data},
      {"absent", ErrorKind::not_found},
      {"absent/w", ErrorKind::not_found},
      {"w/w", ErrorKind::not_found},
      {std::string(5000, 'n'), ErrorKind::not_found},
  };
  for (const Row& row : rows) {
    CAPTURE(row.location);
    for (const Resolver resolver : {Resolver::kernel, Resolver::walk}) {
      CHECK(kind_of([&] { open_path_beneath(scratch / "model", row.location, false, resolver); }) ==
            row.kind);
    }
    CHECK(kind_of([&] { InputFile::open_beneath(scratch / "model", row.location); }) == row.kind);
  }
  for (const char* name : {"hard", "fifo", "sub"}) {
    CAPTURE(name);
    CHECK(kind_of([&] { InputFile::open_beneath(scratch / "model", name); }) == ErrorKind::bad_data);
  }
  CHECK(text_of(InputFile::open_beneath(scratch / "model", "soft", true).read_bytes(0, 7)) == "weights");
  CHECK(text_of(InputFile::open_beneath(scratch / "model", "sub/w").read_bytes(0, 7)) == "weights");
  CHECK(kind_of([&] { InputFile::open_beneath(scratch / "model", "up/../outside", true); }) ==
        ErrorKind::bad_data);
  CHECK(kind_of([&] { InputFile::open_beneath(scratch / "nowhere", "w"); }) == ErrorKind::not_found);
}

namespace {

// Runs `action` in a child whose standard input is `fd`.
int with_stdin(int fd, const std::function<int()>& action) {
  return in_child([&] {
    if (fd < 0) {
      ::close(STDIN_FILENO);
    } else {
      ::dup2(fd, STDIN_FILENO);
    }
    return action();
  });
}

int stdin_kind() {
  const auto kind = kind_of([] { InputFile::open("-"); });
  return kind ? status_of(*kind) : 0;
}

// A pipe with `bytes` written into it by a thread.
struct FedPipe {
  int fds[2];
  std::thread feeder;
  explicit FedPipe(std::size_t bytes) {
    REQUIRE(::pipe(fds) == 0);
    feeder = std::thread([this, bytes] {
      const std::string text(bytes, 'x');
      for (std::size_t done = 0; done < bytes;) {
        const ssize_t written = ::write(fds[1], text.data() + done, bytes - done);
        if (written <= 0) break;
        done += static_cast<std::size_t>(written);
      }
      ::close(fds[1]);
    });
  }
  ~FedPipe() {
    ::close(fds[0]);
    feeder.join();
  }
};

}  // namespace

TEST_CASE("a shared file outlives the one that it was shared from") {
  Scratch scratch;
  put(scratch / "a", "0123");
  std::optional<InputFile> first = InputFile::open(scratch / "a");
  const InputFile again = first->share();
  first.reset();
  CHECK(text_of(again.read_bytes(1, 2)) == "12");
  CHECK(again.is_same_file(scratch / "a"));
}

TEST_CASE("standard input from a pipe is spooled and can be read anywhere") {
  constexpr std::size_t kSize = 3'000'000;
  FedPipe pipe(kSize);
  const int write_end = pipe.fds[1];
  CHECK(with_stdin(pipe.fds[0], [&] {
          ::close(write_end);
          const InputFile file = InputFile::open("-");
          const bool ok = file.size() == kSize && file.read_bytes(kSize - 1, 1)[0] == 'x' &&
                          file.name() == "standard input";
          return ok ? 0 : 1;
        }) == 0);
}

TEST_CASE("standard input from a file is read in place") {
  Scratch scratch;
  put(scratch / "a", "0123");
  const Fd fd(::open((scratch / "a").c_str(), O_RDONLY));
  CHECK(with_stdin(fd.get(), [&] { return InputFile::open("-").is_same_file(scratch / "a") ? 0 : 1; }) == 0);
  CHECK(::lseek(fd.get(), 2, SEEK_SET) == 2);
  CHECK(with_stdin(fd.get(), [] { return text_of(InputFile::open("-").read_bytes(0, 2)) == "23" ? 0 : 1; }) ==
        0);
}

TEST_CASE("standard input that cannot be read or kept") {
  Scratch scratch;
  CHECK(with_stdin(-1, stdin_kind) == status_of(ErrorKind::not_found));
  const Fd folder(::open(scratch.path().c_str(), O_RDONLY));
  CHECK(with_stdin(folder.get(), stdin_kind) == status_of(ErrorKind::not_found));
  FedPipe small(10);
  CHECK(with_stdin(small.fds[0], [&] {
          ::setenv("TMPDIR", (scratch / "absent").c_str(), 1);
          return stdin_kind();
        }) == status_of(ErrorKind::cannot_create));
  std::signal(SIGPIPE, SIG_IGN);
  FedPipe large(3'000'000);
  const int write_end = large.fds[1];
  CHECK(with_stdin(large.fds[0], [&] {
          ::close(write_end);
          std::signal(SIGXFSZ, SIG_IGN);
          const rlimit limit{1 << 20, 1 << 20};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          return stdin_kind();
        }) == status_of(ErrorKind::write_failed));
}

#include "base/output_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "base/input_file.h"
#include "base/posix.h"
#include "support.h"

using namespace tt::base;
using namespace tt::test;

namespace {

void write_whole(const std::string& path, const std::string& text) {
  OutputFile file = OutputFile::create(path);
  file.write(0, view_of(text));
  file.commit();
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("publishes at commit, leaves nothing else") {
  Scratch scratch;
  OutputFile file = OutputFile::create(scratch / "out");
  file.write(3, view_of("def"));
  file.write(0, view_of("abc"));
  CHECK(file.size() == 6);
  CHECK(file.path() == scratch / "out");
  CHECK_FALSE(file.is_stdout());
  Bytes back(4);
  file.read(1, back);
  CHECK(text_of(back) == "bcde");
  CHECK(kind_of([&] { file.read(3, back); }) == ErrorKind::internal);
  CHECK_FALSE(std::filesystem::exists(scratch / "out"));
  file.commit();
  CHECK(get(scratch / "out") == "abcdef");
  CHECK(scratch.entries() == 1);
  CHECK(kind_of([&] { file.write(0, view_of("x")); }) == ErrorKind::internal);
  CHECK(kind_of([&] { file.commit(); }) == ErrorKind::internal);
}

TEST_CASE("without commit the old file stays") {
  Scratch scratch;
  put(scratch / "out", "old");
  {
    OutputFile file = OutputFile::create(scratch / "out");
    file.write(0, view_of("new new new"));
    OutputFile moved = std::move(file);
    CHECK(scratch.entries() == 2);
  }
  CHECK(get(scratch / "out") == "old");
  CHECK(scratch.entries() == 1);
  write_whole(scratch / "out", "new");
  CHECK(get(scratch / "out") == "new");
}

TEST_CASE("a second writer is refused until the first has ended") {
  Scratch scratch;
  {
    OutputFile first = OutputFile::create(scratch / "out");
    CHECK(kind_of([&] { OutputFile::create(scratch / "out"); }) == ErrorKind::locked);
    first.write(0, view_of("first"));
    first.commit();
    CHECK(get(scratch / "out") == "first");
    // The lock went with the name.
    write_whole(scratch / "out", "second");
  }
  CHECK(get(scratch / "out") == "second");
  CHECK(scratch.entries() == 1);
}

TEST_CASE("many writers of one path: each whole file or none") {
  Scratch scratch;
  std::vector<int> others(8, 0);
  std::vector<std::jthread> writers;
  for (std::size_t w = 0; w < others.size(); ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < 40; ++i) {
        const auto kind =
            kind_of([&] { write_whole(scratch / "out", std::string(5000, static_cast<char>('a' + w))); });
        if (kind && kind != ErrorKind::locked) ++others[w];
      }
    });
  }
  writers.clear();
  CHECK(others == std::vector<int>(8, 0));
  const std::string text = get(scratch / "out");
  CHECK(text == std::string(5000, text.at(0)));
  CHECK(scratch.entries() == 1);
}

TEST_CASE("what a killed writer left is taken over") {
  Scratch scratch;
  put(scratch / ".out.tt-tmp", std::string(100'000, 'x'));
  write_whole(scratch / "out", "new");
  CHECK(get(scratch / "out") == "new");
  CHECK(scratch.entries() == 1);
  CHECK(in_child([&] {
          OutputFile file = OutputFile::create(scratch / "out");
          file.write(0, view_of("half"));
          return ::raise(SIGKILL);
        }) == -SIGKILL);
  CHECK(get(scratch / "out") == "new");
  CHECK(scratch.entries() == 2);
  write_whole(scratch / "out", "newer");
  CHECK(get(scratch / "out") == "newer");
  CHECK(scratch.entries() == 1);
}

TEST_CASE("a symbolic link is replaced, never followed") {
  Scratch scratch;
  put(scratch / "target", "precious");
  std::filesystem::create_symlink("target", scratch / "out");
  write_whole(scratch / "out", "new");
  CHECK(get(scratch / "target") == "precious");
  CHECK(get(scratch / "out") == "new");
  CHECK_FALSE(std::filesystem::is_symlink(scratch / "out"));
}

TEST_CASE("a planted temporary file is refused and left alone") {
  Scratch scratch;
  put(scratch / "target", "precious");
  const std::string temporary = scratch / ".out.tt-tmp";
  const auto refused = [&] {
    return kind_of([&] { OutputFile::create(scratch / "out"); }) == ErrorKind::cannot_create;
  };
  std::filesystem::create_symlink("target", temporary);
  CHECK(refused());
  std::filesystem::remove(temporary);
  std::filesystem::create_hard_link(scratch / "target", temporary);
  CHECK(refused());
  std::filesystem::remove(temporary);
  REQUIRE(::mkfifo(temporary.c_str(), 0666) == 0);
  CHECK(refused());
  std::filesystem::remove(temporary);
  std::filesystem::create_directory(temporary);
  CHECK(refused());
  CHECK(get(scratch / "target") == "precious");
}

TEST_CASE("another user's temporary file is refused") {
  Scratch scratch;
  if (::geteuid() != 0) return;
  put(scratch / ".out.tt-tmp", "x");
  REQUIRE(::chown((scratch / ".out.tt-tmp").c_str(), 65534, 65534) == 0);
  CHECK(kind_of([&] { OutputFile::create(scratch / "out"); }) == ErrorKind::cannot_create);
}

TEST_CASE("outputs that cannot be created") {
  Scratch scratch;
  std::filesystem::create_directory(scratch / "folder");
  for (const std::string& path :
       {scratch / "folder", scratch / "folder/", scratch / "absent/out", scratch / "folder/..", std::string(),
        std::string("/"), scratch / std::string(250, 'n'), scratch / std::string("a\0b", 3),
        std::string("/proc/self/cwd")}) {
    CAPTURE(path);
    CHECK(kind_of([&] { OutputFile::create(path); }) == ErrorKind::cannot_create);
  }
  const Fd socket_fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (scratch / "socket").c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(kind_of([&] { OutputFile::create(scratch / "socket"); }) == ErrorKind::cannot_create);
  REQUIRE(::chmod((scratch / "folder").c_str(), 0555) == 0);
  CHECK(kind_as_nobody([&] { OutputFile::create(scratch / "folder/out"); }) ==
        status_of(ErrorKind::cannot_create));
  CHECK(std::filesystem::is_empty(scratch / "folder"));
}

TEST_CASE("the mode is the umask's or the old file's") {
  Scratch scratch;
  CHECK(in_child([&] {
          ::umask(027);
          write_whole(scratch / "new", "x");
          put(scratch / "old", "x");
          ::chmod((scratch / "old").c_str(), 04604);
          write_whole(scratch / "old", "y");
          const mode_t after = ::umask(0);
          return mode_of(scratch / "new") == 0640 && mode_of(scratch / "old") == 0604 && after == 027 ? 0 : 1;
        }) == 0);
}

TEST_CASE("reserves the size and finds a full disk") {
  Scratch scratch;
  OutputFile file = OutputFile::create(scratch / "out");
  file.allocate(0);
  file.allocate(100'000);
  CHECK(file.size() == 100'000);
  file.allocate(10);
  CHECK(file.size() == 100'000);
  CHECK(kind_of([&] { file.allocate(~std::uint64_t{0}); }) == ErrorKind::write_failed);
  CHECK(kind_of([&] { file.allocate(std::uint64_t{1} << 60); }) == ErrorKind::write_failed);
  CHECK(kind_of([&] { file.write(~std::uint64_t{0} - 1, view_of("x")); }) == ErrorKind::write_failed);
  file.commit();
  CHECK(std::filesystem::file_size(scratch / "out") == 100'000);
}

TEST_CASE("a write error keeps the old file") {
  Scratch scratch;
  put(scratch / "out", "old");
  const auto limited = [&](const std::function<void(OutputFile&)>& action) {
    return in_child([&] {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{4096, 4096};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      const auto kind = kind_of([&] {
        OutputFile file = OutputFile::create(scratch / "out");
        action(file);
      });
      return kind ? status_of(*kind) : 0;
    });
  };
  CHECK(limited([](OutputFile& file) { file.write(0, Bytes(10'000)); }) ==
        status_of(ErrorKind::write_failed));
  CHECK(limited([](OutputFile& file) { file.allocate(10'000); }) == status_of(ErrorKind::write_failed));
  CHECK(get(scratch / "out") == "old");
  CHECK(scratch.entries() == 1);
}

TEST_CASE("a failed rename keeps the folder that came in between") {
  Scratch scratch;
  OutputFile file = OutputFile::create(scratch / "out");
  file.write(0, view_of("x"));
  std::filesystem::create_directory(scratch / "out");
  CHECK(kind_of([&] { file.commit(); }) == ErrorKind::write_failed);
  CHECK(std::filesystem::is_directory(scratch / "out"));
  CHECK(scratch.entries() == 1);
}

TEST_CASE("several threads write one file") {
  Scratch scratch;
  OutputFile file = OutputFile::create(scratch / "out");
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&file, t] {
        for (std::uint64_t i = t; i < 256; i += 4) file.write(i * 8, view_of("12345678"));
      });
    }
  }
  CHECK(file.size() == 2048);
  file.commit();
  const std::string text = get(scratch / "out");
  for (std::size_t i = 0; i < 256; ++i) CHECK(text.substr(i * 8, 8) == "12345678");
}

namespace {

// Runs `action` in a child whose standard output is `fd`.
int with_stdout(int fd, const std::function<void()>& action) {
  return in_child([&] {
    if (fd < 0) {
      ::close(STDOUT_FILENO);
    } else {
      ::dup2(fd, STDOUT_FILENO);
    }
    const auto kind = kind_of(action);
    return kind ? status_of(*kind) : 0;
  });
}

}  // namespace

TEST_CASE("standard output gets everything at commit and nothing before") {
  Scratch scratch;
  for (const char* name : {"-", "/dev/stdout"}) {
    const Fd fd(::open((scratch / "stdout").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
    CHECK(with_stdout(fd.get(), [&] { OutputFile::create(name).write(0, view_of("lost")); }) == 0);
    CHECK(get(scratch / "stdout").empty());
    CHECK(with_stdout(fd.get(), [&] {
            OutputFile file = OutputFile::create(name);
            if (!file.is_stdout()) ::_exit(97);
            file.write(2'000'000, view_of("end"));
            file.write(0, view_of("begin"));
            file.commit();
          }) == 0);
    const std::string text = get(scratch / "stdout");
    CHECK(text.size() == 2'000'003);
    CHECK(text.starts_with("begin"));
    CHECK(text.ends_with("end"));
  }
  CHECK(scratch.entries() == 1);
}

TEST_CASE("standard output that is closed, full or without a reader") {
  const auto write_it = [] { write_whole("-", std::string(300'000, 'x')); };
  CHECK(with_stdout(-1, write_it) == status_of(ErrorKind::cannot_create));
  const Fd full(::open("/dev/full", O_WRONLY));
  CHECK(with_stdout(full.get(), write_it) == status_of(ErrorKind::write_failed));
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  ::close(fds[0]);
  CHECK(with_stdout(fds[1], [&] {
          std::signal(SIGPIPE, SIG_IGN);
          write_it();
        }) == status_of(ErrorKind::write_failed));
  ::close(fds[1]);
}

TEST_CASE("a slow reader of a non-blocking pipe gets everything") {
  int fds[2];
  REQUIRE(::pipe2(fds, O_NONBLOCK) == 0);
  std::size_t received = 0;
  std::thread reader([&] {
    ::fcntl(fds[0], F_SETFL, 0);
    Bytes piece(1000);
    for (ssize_t got = 1; got > 0 && received < 300'000;) {
      got = ::read(fds[0], piece.data(), piece.size());
      received += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    }
  });
  CHECK(with_stdout(fds[1], [] { write_whole("-", std::string(300'000, 'x')); }) == 0);
  ::close(fds[1]);
  reader.join();
  ::close(fds[0]);
  CHECK(received == 300'000);
}

TEST_CASE("devices and FIFOs are written to, not replaced") {
  write_whole("/dev/null", "x");
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(kind_of([] { write_whole("/dev/full", "x"); }) == ErrorKind::write_failed);
  Scratch scratch;
  REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0666) == 0);
  std::string received;
  std::thread reader([&] { received = get(scratch / "fifo"); });
  write_whole(scratch / "fifo", "through the pipe");
  reader.join();
  CHECK(received == "through the pipe");
  CHECK(std::filesystem::is_fifo(scratch / "fifo"));
  CHECK(scratch.entries() == 1);
}

#include "base/command.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/temporary_folder.h"

using namespace tt::base;
using Words = std::vector<std::string>;

namespace {

ErrorKind kind_of(const Words& words, double seconds = 60) {
  try {
    run_command(words, seconds);
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("words are split as a shell does") {
  CHECK(split_command("python eval.py {}") == Words{"python", "eval.py", "{}"});
  CHECK(split_command("  a\t b\nc ") == Words{"a", "b", "c"});
  CHECK(split_command(R"('a b' "c d" e\ f)") == Words{"a b", "c d", "e f"});
  CHECK(split_command(R"(a''b '' "")") == Words{"ab", "", ""});
  CHECK(split_command(R"("\$\"\\\a`")") == Words{R"($"\\a`)"});
  CHECK(split_command(R"('\' x)") == Words{"\\", "x"});
  CHECK(split_command("a\\\nb \"c\\\nd\"") == Words{"ab", "cd"});
  CHECK(split_command("a | b; $(c) *") == Words{"a", "|", "b;", "$(c)", "*"});
}

TEST_CASE("text that is no command is refused") {
  for (const std::string text : {"", "  ", "''", "a 'b", "a \"b", "a \"b\\", "a\\"})
    CHECK_THROWS_AS(split_command(text), Error);
  CHECK_THROWS_AS(split_command(std::string_view("a\0b", 3)), Error);
}

TEST_CASE("a command gives its output") {
  CHECK(run_command({"printf", "%s\n", "a b", "*"}, 60) == "a b\n*\n");
  CHECK(run_command({"cat"}, 60).empty());  // standard input is empty
  CHECK(run_command({"sh", "-c", "echo out; echo talk >/dev/null >&2"}, 60) == "out\n");
}

TEST_CASE("only the end of a long output is kept") {
  const std::string tail = run_command({"sh", "-c", "seq 1 200000"}, 60);
  CHECK(tail.size() == kOutputTail);
  CHECK(tail.ends_with("\n200000\n"));
}

TEST_CASE("a command that fails is an error of its kind") {
  CHECK(kind_of({"no-such-program-of-tt"}) == ErrorKind::not_found);
  CHECK(kind_of({"/"}) == ErrorKind::not_found);
  CHECK(kind_of({"sh", "-c", "echo 1; exit 3"}) == ErrorKind::bad_data);
  CHECK(kind_of({"sh", "-c", "kill -9 $$"}) == ErrorKind::bad_data);
}

TEST_CASE("a time limit ends the whole group") {
  const auto start = std::chrono::steady_clock::now();
  CHECK(kind_of({"sh", "-c", "sleep 60 & sleep 60"}, 0.2) == ErrorKind::resource_limit);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("what a command leaves behind neither holds it up nor lives on") {
  const TemporaryFolder folder;
  const std::string mark = folder.path() + "/alive";
  const auto start = std::chrono::steady_clock::now();
  CHECK(run_command({"sh", "-c", "(sleep 2; touch \"$1\") & echo 1", "sh", mark}, 60) == "1\n");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(1900));
  run_command({"sleep", "2.5"}, 60);
  CHECK(!std::filesystem::exists(mark));
}

TEST_CASE("a temporary folder is private and goes with its files") {
  std::string path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    struct stat info;
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0700);
    std::filesystem::create_directory(path + "/sub");
    std::ofstream(path + "/sub/file") << "x";
  }
  CHECK(!std::filesystem::exists(path));
}

#include "base/child.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <new>

namespace tt::base {
namespace {

ErrorKind kind_of(Child& child, const std::string& part) {
  try {
    child.call({});
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(std::string(error.what()).find(part) != std::string::npos);
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::internal;
}

TEST_CASE("requests and replies of any size") {
  Child child({}, "work", [](ByteView request) { return Bytes(request.begin(), request.end()); });
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{40} << 20}) {
    const Bytes request(size, 7);
    CHECK(child.call(request) == request);
  }
}

TEST_CASE("the state of the child is its own and lasts") {
  int count = 0;
  Child child({}, "work", [&](ByteView) { return Bytes{static_cast<std::uint8_t>(++count)}; });
  CHECK(child.call({}) == Bytes{1});
  CHECK(child.call({}) == Bytes{2});
  CHECK(count == 0);
}

TEST_CASE("errors of the work pass, the child goes on") {
  Child child({}, "work", [](ByteView request) -> Bytes {
    if (request.empty()) throw Error(ErrorKind::unsupported, "no such thing", "try another");
    return {1};
  });
  CHECK(kind_of(child, "no such thing") == ErrorKind::unsupported);
  const Bytes request = {1};
  CHECK(child.call(request) == Bytes{1});
}

TEST_CASE("a crash is an error of the data, and the child stays gone") {
  Child child({}, "work", [](ByteView) -> Bytes { ::abort(); });
  CHECK(kind_of(child, "work made its child process crash") == ErrorKind::bad_data);
  CHECK(kind_of(child, "no child process") == ErrorKind::bad_data);
  Child leaves({}, "work", [](ByteView) -> Bytes { ::_exit(3); });
  CHECK(kind_of(leaves, "exit status 3") == ErrorKind::bad_data);
}

TEST_CASE("killed, out of memory, out of time, too talkative: limits") {
  Child killed({}, "work", [](ByteView) -> Bytes {
    ::raise(SIGKILL);
    return {};
  });
  CHECK(kind_of(killed, "killed") == ErrorKind::resource_limit);
  Child slow({0, 0.05}, "work", [](ByteView) -> Bytes {
    ::sleep(60);
    return {};
  });
  CHECK(kind_of(slow, "time limit") == ErrorKind::resource_limit);
  Child talks({0, 0, 1000}, "work", [](ByteView) { return Bytes(1001); });
  CHECK(kind_of(talks, "1001 bytes") == ErrorKind::resource_limit);
#ifndef __SANITIZE_ADDRESS__
  Child large({std::uint64_t{64} << 20}, "work", [](ByteView) { return Bytes(std::size_t{1} << 30); });
  CHECK(kind_of(large, "memory") == ErrorKind::resource_limit);
#endif
}

}  // namespace
}  // namespace tt::base

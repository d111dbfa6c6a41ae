#include "base/parallel.h"

#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "support.h"

using namespace tt::base;
using namespace tt::test;

TEST_CASE("each index once, for any number of threads") {
  for (const unsigned threads : {0u, 1u, 2u, 7u, 64u}) {
    for (const std::size_t count : {0, 1, 5, 1000}) {
      std::vector<std::atomic<int>> calls(count);
      parallel_for(count, threads, [&](std::size_t i) { ++calls[i]; });
      for (const auto& number : calls) CHECK(number == 1);
    }
  }
}

TEST_CASE("one thread works in order, in the caller's thread") {
  std::vector<std::size_t> order;
  const auto caller = std::this_thread::get_id();
  parallel_for(20, 1, [&](std::size_t i) {
    CHECK(std::this_thread::get_id() == caller);
    order.push_back(i);
  });
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(order[i] == i);
}

TEST_CASE("the exception of the lowest index comes out, whoever throws first") {
  for (const unsigned threads : {1u, 2u, 8u}) {
    std::atomic<std::size_t> started{0};
    const std::string message = message_of([&] {
      parallel_for(1000, threads, [&](std::size_t i) {
        ++started;
        if (i == 3) std::this_thread::sleep_for(std::chrono::milliseconds(30));
        if (i >= 3) throw Error(ErrorKind::bad_data, "index " + std::to_string(i));
      });
    });
    CHECK(message == "index 3");
    CHECK(started <= 3 + threads);
  }
}

TEST_CASE("exceptions of other types and of the cost come out too") {
  CHECK_THROWS_AS(parallel_for(10, 4, [](std::size_t) { throw std::bad_alloc(); }), std::bad_alloc);
  std::atomic<int> calls{0};
  CHECK_THROWS_AS(parallel_for_limited(
                      10, 4, 100,
                      [](std::size_t i) -> std::size_t {
                        if (i == 5) throw std::runtime_error("cost");
                        return 1;
                      },
                      [&](std::size_t) { ++calls; }),
                  std::runtime_error);
  CHECK(calls == 5);
}

TEST_CASE("the costs of running bodies stay within the limit") {
  constexpr std::size_t kLimit = 10;
  std::mutex mutex;
  std::size_t used = 0, running = 0, most = 0;
  bool broken = false;
  const auto cost = [](std::size_t i) { return i % 9 == 4 ? std::size_t{25} : i % 5 + 1; };
  std::vector<int> calls(200, 0);
  parallel_for_limited(calls.size(), 8, kLimit, cost, [&](std::size_t i) {
    {
      const std::lock_guard lock(mutex);
      used += cost(i);
      ++running;
      most = std::max(most, running);
      broken = broken || (used > kLimit && running > 1);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    const std::lock_guard lock(mutex);
    used -= cost(i);
    --running;
    ++calls[i];
  });
  CHECK_FALSE(broken);
  CHECK(most > 1);
  CHECK(calls == std::vector<int>(200, 1));
}

TEST_CASE("loops inside loops") {
  std::atomic<int> sum{0};
  parallel_for(8, 4, [&](std::size_t) { parallel_for(8, 4, [&](std::size_t) { ++sum; }); });
  CHECK(sum == 64);
}

TEST_CASE("works with fewer threads than wanted") {
  CHECK(in_child([] {
          const rlimit limit{0, 0};
          if (::setrlimit(RLIMIT_NPROC, &limit) != 0) return 1;
          if (::geteuid() == 0 && ::setuid(65534) != 0) return 2;
          std::atomic<int> sum{0};
          parallel_for(100, 8, [&](std::size_t) { ++sum; });
          return sum == 100 ? 0 : 3;
        }) == 0);
}

TEST_CASE("the default is the number of usable processors") {
  CHECK(default_threads() >= 1);
  CHECK(in_child([] {
          cpu_set_t all, one;
          CPU_ZERO(&all);
          CPU_ZERO(&one);
          ::sched_getaffinity(0, sizeof all, &all);
          for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
            if (CPU_ISSET(i, &all) && CPU_COUNT(&one) == 0) CPU_SET(i, &one);
          }
          ::sched_setaffinity(0, sizeof one, &one);
          return static_cast<int>(default_threads());
        }) == 1);
}

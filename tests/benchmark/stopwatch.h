// Times of pieces of work in this process, run in turns so that all meet the same machine.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <vector>

namespace tt::benchmark {

struct Times {
  double fastest = 0, median = 0;  // seconds
};

inline double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Seconds that this thread has run: other programs on the machine do not count, as far as they leave the
// caches alone.
inline double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Runs every piece of work once a round, `rounds` rounds, an odd number.
inline std::vector<Times> measure_in_turns(int rounds, const std::vector<std::function<void()>>& work,
                                           double (*clock)() = thread_seconds) {
  std::vector<std::vector<double>> seconds(work.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < work.size(); ++i) {
      const double start = clock();
      work[i]();
      seconds[i].push_back(clock() - start);
    }
  }
  std::vector<Times> times;
  for (std::vector<double>& one : seconds) {
    std::sort(one.begin(), one.end());
    times.push_back({.fastest = one.front(), .median = one[one.size() / 2]});
  }
  return times;
}

inline Times measure(int rounds, const std::function<void()>& work) {
  return measure_in_turns(rounds, {work})[0];
}

// One row: the times of both and how often the fastest time of `peer` fits into ours.
inline void print_against(const char* what, const Times& ours, const char* peer, const Times& theirs) {
  std::printf("%-36s %8.2f ms (median %8.2f)   %-26s %8.2f ms (median %8.2f)   ratio %.3f\n", what,
              ours.fastest * 1e3, ours.median * 1e3, peer, theirs.fastest * 1e3, theirs.median * 1e3,
              ours.fastest / theirs.fastest);
}

}  // namespace tt::benchmark

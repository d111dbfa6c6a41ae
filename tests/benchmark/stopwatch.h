// Times of one piece of work, run several times in this process.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace tt::benchmark {

struct Times {
  double fastest = 0, median = 0;  // seconds
};

// Runs work() `runs` times, an odd number.
template <typename Work>
Times measure(int runs, const Work& work) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return {.fastest = seconds.front(), .median = seconds[seconds.size() / 2]};
}

// One row: the times of both and how often the work of `peer` fits into that of `ours`, by the fastest runs.
inline void print_against(const char* what, const Times& ours, const char* peer, const Times& theirs) {
  std::printf("%-34s %8.1f ms (median %8.1f)   %-26s %8.1f ms (median %8.1f)   ratio %.3f\n", what,
              ours.fastest * 1e3, ours.median * 1e3, peer, theirs.fastest * 1e3, theirs.median * 1e3,
              ours.fastest / theirs.fastest);
}

}  // namespace tt::benchmark

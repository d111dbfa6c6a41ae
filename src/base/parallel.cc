#include "base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "base/cancel.h"

namespace tt::base {
namespace {

// Hands out indices in order. Because of the order, every index below a failed one has started too, so that
// the lowest failed index is the same for any number of workers.
class Dispatcher {
 public:
  Dispatcher(std::size_t count, std::size_t limit, const std::function<std::size_t(std::size_t)>& cost,
             const std::function<void(std::size_t)>& body)
      : count_(count), limit_(limit), cost_(cost), body_(body) {}

  void work() {
    for (;;) {
      const std::optional<Task> task = take();
      if (!task) return;
      try {
        body_(task->index);
      } catch (...) {
        fail(task->index);
      }
      give_back(task->cost);
    }
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  struct Task {
    std::size_t index;
    std::size_t cost;
  };

  bool finished() const { return error_ != nullptr || next_ >= count_; }
  bool fits(std::size_t cost) const { return running_ == 0 || (used_ <= limit_ && cost <= limit_ - used_); }

  // Cost of the next index, asked once an index. A failure to tell it, or a signal, counts as the index's
  // failure.
  std::optional<std::size_t> next_cost() {
    try {
      check_cancelled();
      if (!next_cost_) next_cost_ = cost_(next_);
      return next_cost_;
    } catch (...) {
      record(next_);
      return std::nullopt;
    }
  }

  std::optional<Task> take() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (finished()) return std::nullopt;
      const std::optional<std::size_t> cost = next_cost();
      if (!cost) {
        changed_.notify_all();
        return std::nullopt;
      }
      if (fits(*cost)) {
        ++running_;
        used_ += *cost;
        next_cost_.reset();
        return Task{next_++, *cost};
      }
      changed_.wait(lock);
    }
  }
  void give_back(std::size_t cost) {
    {
      const std::lock_guard lock(mutex_);
      --running_;
      used_ -= cost;
    }
    changed_.notify_all();
  }
  void fail(std::size_t index) {
    const std::lock_guard lock(mutex_);
    record(index);
  }
  void record(std::size_t index) {
    if (error_ != nullptr && error_index_ < index) return;
    error_ = std::current_exception();
    error_index_ = index;
  }

  const std::size_t count_, limit_;
  const std::function<std::size_t(std::size_t)>& cost_;
  const std::function<void(std::size_t)>& body_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0, running_ = 0, used_ = 0;
  std::optional<std::size_t> next_cost_;
  std::exception_ptr error_;
  std::size_t error_index_ = 0;
};

}  // namespace

unsigned default_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

unsigned worker_count(unsigned wanted) {
  return wanted == 0 ? default_threads() : wanted;
}

void parallel_for(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& body) {
  parallel_for_limited(
      count, threads, std::numeric_limits<std::size_t>::max(), [](std::size_t) { return std::size_t{0}; },
      body);
}

void parallel_for_limited(std::size_t count, unsigned threads, std::size_t limit,
                          const std::function<std::size_t(std::size_t)>& cost,
                          const std::function<void(std::size_t)>& body) {
  Dispatcher dispatcher(count, limit, cost, body);
  {
    const std::size_t wanted = std::min<std::size_t>(worker_count(threads), count);
    std::vector<std::jthread> helpers;
    try {
      helpers.reserve(wanted);
      while (helpers.size() + 1 < wanted) helpers.emplace_back([&dispatcher] { dispatcher.work(); });
    } catch (const std::system_error&) {
      // No more threads under the limits of this process: those that exist do the work.
    }
    dispatcher.work();
  }
  dispatcher.rethrow();
}

}  // namespace tt::base

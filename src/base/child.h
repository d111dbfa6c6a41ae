// A function of untrusted work in a forked child with limits: requests go in, replies come out, and a crash
// of the child is an error of the caller.
//
// Wire: u64 length, u8 kind (0 reply; else 1 + ErrorKind, and the text is "message\0hint"), bytes; requests
// have kind 0.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/posix.h"

namespace tt::base {

struct ChildLimits {
  std::uint64_t memory_bytes = 0;  // data beyond what this process has now; 0 is no limit
  double seconds = 0;              // for each call; 0 is no limit
  std::uint64_t reply_bytes = std::uint64_t{8} << 30;
};

class Child {
 public:
  // Forks; `serve` answers requests in the child until the Child is destroyed. Only the calling thread exists
  // there, so no other thread may hold a lock that `serve` needs: start children before threads, from a
  // thread that outlives them (the child dies with it). `what` names the work in errors ("model 'x'").
  // Errors: resource_limit if there can be no further process.
  Child(const ChildLimits& limits, std::string what, const std::function<Bytes(ByteView)>& serve);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Errors: those that `serve` throws; bad_data if the child crashed; resource_limit if it was killed from
  // outside, ran out of memory or time; as check_cancelled(). After an error other than those of `serve` the
  // child is gone and every further call fails.
  Bytes call(ByteView request);

 private:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  void end();
  [[noreturn]] void fail_ended();
  void wait(short event, const Deadline& deadline);
  void send(ByteView bytes, const Deadline& deadline);
  void fill(std::span<std::uint8_t> out, const Deadline& deadline);
  Bytes receive(std::uint64_t length, const Deadline& deadline);

  ChildLimits limits_;
  std::string what_;
  Fd socket_;
  int pid_ = -1;
};

}  // namespace tt::base

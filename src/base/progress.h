// How long work reports where it is; drawn by cli, silent everywhere else.
#pragma once

#include <cstdint>
#include <string_view>

namespace tt::base {

// start() once a phase, then step() from any thread, done() at the end of the phase.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void start(std::string_view /*phase*/, std::uint64_t /*weights*/, std::uint64_t /*bytes*/) {}
  virtual void step(std::uint64_t /*bytes*/) {}
  virtual void done() {}
};

}  // namespace tt::base

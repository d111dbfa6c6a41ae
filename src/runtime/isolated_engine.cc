// An engine in a child process. The first request (empty) starts it and is answered by its signature, each
// further one is a run.
#include <mutex>

#include "runtime/engine.h"
#include "runtime/messages.h"

namespace tt::runtime {
namespace {

class Service {
 public:
  explicit Service(std::function<std::unique_ptr<Engine>()> make) : make_(std::move(make)) {}

  base::Bytes operator()(base::ByteView request) {
    if (!engine_) {
      engine_ = make_();
      return pack_signature(engine_->signature());
    }
    return pack_arrays(engine_->run(unpack_arrays(request)));
  }

 private:
  std::function<std::unique_ptr<Engine>()> make_;
  std::shared_ptr<Engine> engine_;
};

class IsolatedEngine : public Engine {
 public:
  IsolatedEngine(std::function<std::unique_ptr<Engine>()> make, const base::ChildLimits& limits)
      : child_(limits, "the model", Service(std::move(make))),
        signature_(unpack_signature(child_.call({}))) {}

  const Signature& signature() const override { return signature_; }

  NamedArrays run(const NamedArrays& inputs) override {
    const base::Bytes request = pack_arrays(inputs);
    const std::lock_guard lock(mutex_);
    return unpack_arrays(child_.call(request));
  }

 private:
  std::mutex mutex_;
  base::Child child_;
  Signature signature_;
};

}  // namespace

std::unique_ptr<Engine> start_isolated(std::function<std::unique_ptr<Engine>()> make,
                                       const base::ChildLimits& limits) {
  return std::make_unique<IsolatedEngine>(std::move(make), limits);
}

}  // namespace tt::runtime

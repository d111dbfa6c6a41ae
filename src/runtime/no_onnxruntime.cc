// Instead of library.cc and onnxruntime_engine.cc where tt is built without ONNX Runtime.
#include "base/error.h"
#include "runtime/engine.h"
#include "runtime/library.h"

namespace tt::runtime {
namespace {

[[noreturn]] void refuse() {
  throw base::Error(base::ErrorKind::unsupported,
                    "this tt was built without ONNX Runtime, so it cannot run models",
                    "run scripts/setup, then build again with -Donnxruntime=enabled");
}

}  // namespace

const void* load_onnxruntime() {
  refuse();
}

std::string onnxruntime_version() {
  return {};
}

std::unique_ptr<Engine> start_onnxruntime(ModelImage, unsigned) {
  refuse();
}

}  // namespace tt::runtime

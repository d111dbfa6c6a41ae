#include "runtime/library.h"

#include <dlfcn.h>
#include <onnxruntime_c_api.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kHint =
    "run scripts/setup, or name the library (libonnxruntime.so) in the environment variable TT_ONNXRUNTIME";

// The loader's own words go to the log: they name paths, one for each attempt.
const OrtApiBase* try_load(const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    base::log_debug("onnxruntime: " + base::printable(::dlerror(), 1000));
    return nullptr;
  }
  using GetBase = const OrtApiBase* (*)();
  const auto get_base = reinterpret_cast<GetBase>(::dlsym(library, "OrtGetApiBase"));
  const OrtApiBase* base = get_base == nullptr ? nullptr : get_base();
  if (base == nullptr || base->GetApi(ORT_API_VERSION) == nullptr) {
    base::log_debug("onnxruntime: " + base::quoted(path) + " has no API " + std::to_string(ORT_API_VERSION));
    ::dlclose(library);
    return nullptr;
  }
  return base;
}

const OrtApiBase* load() {
  const char* named = std::getenv("TT_ONNXRUNTIME");
  if (named != nullptr && *named != '\0') {
    if (const OrtApiBase* base = try_load(named)) return base;
    throw Error(ErrorKind::unsupported,
                "cannot load ONNX Runtime from " + base::quoted(named) + ", it is absent or older than 1." +
                    std::to_string(ORT_API_VERSION),
                "set TT_ONNXRUNTIME to a libonnxruntime.so, or unset it; --log-level debug says more");
  }
  const std::vector<std::string> paths = {TT_ORT_INSTALLED, TT_ORT_BUILT, "libonnxruntime.so.1",
                                          "libonnxruntime.so.1.21", "libonnxruntime.so"};
  for (const std::string& path : paths) {
    if (path.empty()) continue;
    if (const OrtApiBase* base = try_load(path)) return base;
  }
  throw Error(ErrorKind::unsupported,
              "running a model needs ONNX Runtime 1." + std::to_string(ORT_API_VERSION) +
                  " or newer, which was not found",
              kHint);
}

}  // namespace

const void* load_onnxruntime() {
  static std::mutex mutex;
  static const OrtApiBase* base = nullptr;
  const std::lock_guard lock(mutex);
  if (base == nullptr) base = load();
  return base;
}

std::string onnxruntime_version() {
  try {
    return static_cast<const OrtApiBase*>(load_onnxruntime())->GetVersionString();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace tt::runtime

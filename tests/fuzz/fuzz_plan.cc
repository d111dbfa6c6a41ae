// A plan file (--plan) for a model with two weights.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "fuzz.h"
#include "model/model.h"
#include "pipeline/plan_file.h"

namespace {

using namespace tt;

model::Model two_weights() {
  constexpr std::string_view kHeader =
      R"({"a":{"dtype":"F32","shape":[4,8],"data_offsets":[0,128]},"b":{"dtype":"F32","shape":[4,8],"data_offsets":[128,256]}})";
  base::Bytes file;
  base::append_le<std::uint64_t>(file, kHeader.size());
  file.insert(file.end(), kHeader.begin(), kHeader.end());
  file.resize(file.size() + 256);
  return model::Model::open(base::InputFile::from_bytes(std::move(file), "model"), "/nowhere");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const model::Model model = two_weights();
  const int fd = ::memfd_create("plan", MFD_CLOEXEC);
  fuzz::require(fd >= 0 && ::write(fd, data, size) == static_cast<ssize_t>(size), "a file in memory");
  fuzz::accepts([&] {
    pipeline::Selection selection;
    selection.options.resize(model.weights().size());
    pipeline::apply_plan_file("/proc/self/fd/" + std::to_string(fd), model, selection);
  });
  ::close(fd);
  return 0;
}

#include "pipeline/open_model.h"

#include <algorithm>
#include <filesystem>

#include "base/checked.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "container/container.h"
#include "pipeline/restore.h"
#include "runtime/image.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

// A small file may claim weights of any size (a low rank of huge sides).
void check_size(const model::Placement& placement, const std::string& name) {
  std::uint64_t bytes = 0;
  for (const std::uint64_t size : placement.file_sizes)
    bytes = base::checked_add(bytes, size, "size of the decoded model");
  if (bytes > base::physical_memory_bytes())
    throw Error(ErrorKind::resource_limit,
                base::quoted(name) + " is " + base::format_bytes(bytes) +
                    " when decoded, more than the memory of this machine",
                "use a machine with more memory");
}

void require_graph(const model::Model& model, const std::string& path) {
  if (model.format() != model::FileFormat::onnx)
    throw Error(ErrorKind::unsupported,
                base::quoted(path) + " cannot be run, safetensors files hold weights without a graph",
                "give an ONNX model, or a .tt file made from one");
}

OpenedModel open_container(base::InputFile file, unsigned threads) {
  const container::Container container = container::Container::open(std::move(file));
  const container::Manifest& manifest = container.manifest();
  OpenedModel opened{decoded_model(container, threads), container.size().total, "tt", std::nullopt};
  if (!manifest.sources.empty()) opened.source_sha256 = base::hex(manifest.sources[0].sha256);
  return opened;
}

}  // namespace

model::Model decoded_model(const container::Container& container, unsigned threads) {
  const container::Manifest& manifest = container.manifest();
  check_size(placement_of(container), container.file().name());
  std::vector<std::uint64_t> sizes;
  for (const container::WeightEntry& entry : manifest.weights) sizes.push_back(entry.target_size);
  const auto decode = [&](std::size_t index, const runtime::PayloadSink& sink) {
    decode_weight(container, index, sink);
  };
  return runtime::assembled_model({literals_of(container), manifest.files}, sizes, decode,
                                  container.file().name(), threads);
}

OpenedModel open_weights(const std::string& path, bool allow_symlinks, unsigned threads) {
  base::InputFile file = base::InputFile::open(path);
  if (container::Container::looks_like(file))
    return open_container(std::move(file), base::worker_count(threads));
  const std::string folder = std::filesystem::path(path).parent_path().string();
  OpenedModel opened{
      model::Model::open(std::move(file), folder.empty() ? "." : folder, {.allow_symlinks = allow_symlinks}),
      0, "onnx", std::nullopt};
  if (opened.model.format() == model::FileFormat::safetensors) opened.kind = "safetensors";
  opened.file_bytes = opened.model.bytes();
  return opened;
}

OpenedModel open_model(const std::string& path, bool allow_symlinks, unsigned threads) {
  OpenedModel opened = open_weights(path, allow_symlinks, threads);
  require_graph(opened.model, path);
  return opened;
}

}  // namespace tt::pipeline

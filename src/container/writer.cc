#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "container/container.h"
#include "container/format_limits.h"
#include "container/header.h"
#include "container/manifest_text.h"
#include "container/stored_file.h"

namespace tt::container {
namespace {

using base::Error;
using base::ErrorKind;
using Weights = std::vector<const EncodedWeight*>;

int skeleton_level(std::uint64_t literals) {
  if (literals <= 8u << 20) return 19;
  return literals <= 64u << 20 ? 12 : 6;
}

base::Sha256 hash_cores(const std::vector<codec::Core>& cores) {
  base::Sha256Hasher hasher;
  for (const codec::Core& core : cores) hasher.update(core.bytes);
  return hasher.finish();
}

// The sizes of what is there, compared with what the encoding says: a difference is a bug of a codec.
std::vector<StoredCore> cores_of(const EncodedWeight& weight) {
  auto cores = stored_cores(weight.entry.layout, weight.entry.encoding);
  bool agree = cores.size() == weight.cores.size();
  for (std::size_t c = 0; agree && c < cores.size(); ++c) {
    const std::uint64_t size = weight.cores[c].bytes.size();
    if (!cores[c].layout.dtype) cores[c].size = size;
    agree = cores[c].size == size;
  }
  if (agree) return cores;
  throw Error(ErrorKind::internal,
              "the cores of weight " + base::quoted(weight.entry.name) + " do not fit its encoding");
}

// Everything that is known before the first byte is written.
struct Plan {
  StoredCores cores;
  base::Bytes manifest;
  Layout layout;
};

Plan make_plan(Manifest manifest, std::uint64_t skeleton, const Weights& weights) {
  Plan plan;
  manifest.weights.clear();
  for (const EncodedWeight* weight : weights) {
    plan.cores.push_back(cores_of(*weight));
    WeightEntry entry = weight->entry;
    entry.sha256 = hash_cores(weight->cores);
    manifest.weights.push_back(std::move(entry));
  }
  FixedParts parts{skeleton, 0, manifest.tool_version, {}};
  plan.manifest = pack_manifest(manifest, plan.cores, 0);
  parts.manifest = plan.manifest.size();
  const std::uint64_t typed = choose_typed(plan.cores, parts);
  if (typed > 0) plan.manifest = pack_manifest(manifest, plan.cores, typed);
  parts.manifest = plan.manifest.size();
  parts.root = base::sha256(plan.manifest);
  plan.layout = make_layout(plan.cores, typed, parts);
  return plan;
}

FileSize size_of(const Plan& plan, std::uint64_t skeleton) {
  return {plan.layout.total, plan.layout.header.size(), plan.manifest.size(), skeleton, plan.layout.cores};
}

// Reads everything back through the checks of a reader.
void verify(const base::OutputFile& out, const Plan& plan) {
  const base::ByteSource read = [&out](std::uint64_t offset, std::span<std::uint8_t> bytes) {
    out.read(offset, bytes);
  };
  try {
    const StoredFile file = read_stored(read, plan.layout.total, out.path());
    if (file.header != plan.layout.header)
      refuse("header of " + base::quoted(out.path()) + ": not what was written");
    for (std::size_t i = 0; i < file.manifest.weights.size(); ++i) check_weight(read, file, i);
    check_skeleton(read, file);
  } catch (const Error& error) {
    throw Error(ErrorKind::write_failed, "reading back what was written: " + std::string(error.what()),
                "check the disk, then try again");
  }
}

}  // namespace

struct Writer::State {
  Manifest manifest;
  base::Bytes skeleton;
};

Writer::Writer(Manifest manifest, base::ByteView literals) : state_(std::make_unique<State>()) {
  if (!literals.empty()) state_->skeleton = base::zstd_compress(literals, skeleton_level(literals.size()));
  state_->manifest = std::move(manifest);
  state_->manifest.literal_bytes = literals.size();
  state_->manifest.skeleton_sha256 = base::sha256(state_->skeleton);
}

Writer::~Writer() = default;

FileSize Writer::size(const Weights& weights) const {
  return size_of(make_plan(state_->manifest, state_->skeleton.size(), weights), state_->skeleton.size());
}

std::uint64_t Writer::skeleton_size() const {
  return state_->skeleton.size();
}

FileSize Writer::write(const Weights& weights, base::OutputFile& out) const {
  const Plan plan = make_plan(state_->manifest, state_->skeleton.size(), weights);
  out.allocate(plan.layout.total);
  out.write(0, base::view_of(plan.layout.header));
  for (std::size_t w = 0; w < weights.size(); ++w) {
    for (std::size_t c = 0; c < weights[w]->cores.size(); ++c) {
      out.write(plan.cores[w][c].offset, weights[w]->cores[c].bytes);
    }
  }
  out.write(plan.layout.skeleton, state_->skeleton);
  out.write(plan.layout.manifest, plan.manifest);
  verify(out, plan);
  return size_of(plan, state_->skeleton.size());
}

}  // namespace tt::container

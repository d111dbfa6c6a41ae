#include "pipeline/rebuilt_graph.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/restore.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

// The holes of weights at the end of a file count, too.
void stretch(base::OutputFile& out, std::uint64_t size) {
  const std::uint8_t zero = 0;
  if (out.size() < size) out.write(size - 1, {&zero, 1});
}

}  // namespace

void require_graph(const container::Container& container, std::string_view form) {
  if (container.manifest().source_format != model::FileFormat::safetensors) return;
  throw Error(ErrorKind::usage,
              "--form " + std::string(form) + " is for ONNX models, and " +
                  base::quoted(container.file().name()) + " holds a safetensors file, which has no layers",
              "use --form dense");
}

std::string weights_location(const container::Container& container, const std::string& output,
                             bool external) {
  const bool outside = external || container.manifest().files.size() > 1;
  return outside ? std::filesystem::path(output).filename().string() + ".data" : "";
}

RebuiltGraph::RebuiltGraph(const container::Container& container, unsigned threads) : container_(container) {
  const std::vector<model::SkeletonFile>& files = container_.manifest().files;
  const model::Placement placement = placement_of(container_);
  // Unlinked temporary files, as for standard output.
  for (std::size_t i = 0; i < files.size(); ++i) blank_.push_back(base::OutputFile::create("-"));
  write_literals(container_, placement, blank_);
  for (std::size_t i = 0; i < files.size(); ++i) stretch(blank_[i], placement.file_sizes[i]);
  // Only varints have to be there: how many they are shows in their bytes.
  base::parallel_for(placement.weights.size(), threads, [&](std::size_t i) {
    const auto& targets = placement.weights[i];
    if (std::any_of(targets.begin(), targets.end(),
                    [](const model::Target& target) { return target.form == model::PayloadForm::varint16; }))
      write_weight(container_, i, targets, blank_);
  });
  std::vector<model::SourceFile> beside;
  for (std::size_t i = 1; i < files.size(); ++i) beside.push_back({files[i].location, blank_[i].reopen()});
  try {
    model_.emplace(model::Model::open(blank_[0].reopen(), std::move(beside)));
  } catch (const Error& error) {
    throw Error(error.kind(),
                "cannot read the graph in " + base::quoted(container_.file().name()) + ", " + error.what(),
                error.hint());
  }
  match_weights(placement);
}

void RebuiltGraph::match_weights(const model::Placement& placement) {
  // A model numbers its data files by first use, a container by its manifest.
  std::map<std::string, std::uint32_t> numbers;
  for (std::uint32_t i = 0; i < model_->files().size(); ++i) numbers.emplace(model_->files()[i].location, i);
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::size_t> by_place;
  for (std::size_t i = 0; i < placement.weights.size(); ++i)
    for (const model::Target& target : placement.weights[i]) {
      const auto number = numbers.find(container_.manifest().files[target.file].location);
      if (number != numbers.end()) by_place.emplace(std::pair(number->second, target.offset), i);
    }
  std::vector<bool> seen(placement.weights.size(), false);
  for (const model::Weight& weight : model_->weights()) {
    const auto found = by_place.find({weight.place.file, weight.place.offset});
    stored_.push_back(found == by_place.end() ? kLiteral : found->second);
    if (found == by_place.end()) continue;
    seen[found->second] = true;
    const container::WeightEntry& entry = container_.manifest().weights[found->second];
    if (entry.target_size == weight.place.length && entry.layout.dtype == weight.layout.dtype &&
        entry.layout.elements() == weight.layout.elements())
      continue;
    throw Error(ErrorKind::corrupt, "weight " + base::quoted(entry.name) + " is another one in the graph",
                "");
  }
  for (std::size_t i = 0; i < seen.size(); ++i)
    if (!seen[i] && !placement.weights[i].empty())
      throw Error(ErrorKind::corrupt,
                  "weight " + base::quoted(container_.manifest().weights[i].name) + " is not in the graph",
                  "");
}

void RebuiltGraph::write(const model::Skeleton& skeleton, const std::vector<std::uint64_t>& added,
                         const WritePair& write_pair, std::vector<base::OutputFile>& outs, unsigned threads,
                         base::Progress& progress) const {
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : model_->weights()) sizes.push_back(weight.place.length);
  sizes.insert(sizes.end(), added.begin(), added.end());
  const model::Placement placement = model::place_pieces(skeleton.files, skeleton.literals.size(), sizes);
  allocate_all(placement, outs);
  write_literals(skeleton, placement, outs);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) bytes += placement.weights[i].empty() ? 0 : sizes[i];
  const std::size_t weights = stored_.size(), jobs = weights + added.size() / 2;
  progress.start("decoding", jobs, bytes);
  base::parallel_for(jobs, threads, [&](std::size_t job) {
    if (job < weights)
      write_weight_at(job, placement, outs);
    else
      write_pair(job - weights, placement);
    progress.step(job < weights ? placement.weights[job].empty() ? 0 : sizes[job]
                                : sizes[2 * job - weights] + sizes[2 * job - weights + 1]);
  });
  progress.done();
}

void RebuiltGraph::put(const std::string& name, base::ByteView payload, std::size_t index,
                       const model::Placement& placement, std::vector<base::OutputFile>& outs) const {
  for (const model::Target& target : placement.weights[model_->weights().size() + index]) {
    if (payload.size() != target.length)
      throw Error(ErrorKind::corrupt, "tensor " + base::quoted(name) + " does not fill its place", "");
    outs[target.file].write(target.offset, payload);
  }
}

void RebuiltGraph::write_weight_at(std::size_t index, const model::Placement& placement,
                                   std::vector<base::OutputFile>& outs) const {
  const std::vector<model::Target>& targets = placement.weights[index];
  if (targets.empty()) return;
  if (stored_[index] != kLiteral) return write_weight(container_, stored_[index], targets, outs);
  const model::Place& place = model_->weights()[index].place;
  for (const model::Target& target : targets)
    copy_range(model_->files()[place.file].file, place, target, outs[target.file]);
}

}  // namespace tt::pipeline

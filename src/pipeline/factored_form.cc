#include "pipeline/factored_form.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "codec/factors.h"
#include "pipeline/restore.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

// A weight that the skeleton holds itself.
constexpr std::size_t kLiteral = SIZE_MAX;

tensor::LowRank read_factors(const container::Container& container, std::size_t index) {
  container.check_weight(index);
  const container::WeightEntry& entry = container.manifest().weights[index];
  try {
    return codec::factors_of(entry.layout, entry.encoding, *container.cores(index)).value();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    throw Error(error.kind(), "weight " + base::quoted(entry.name) + ": " + error.what(), error.hint());
  }
}

base::Bytes payload_of(const std::vector<float>& values, std::uint64_t rows, std::uint64_t cols,
                       bool transposed, tensor::DType dtype) {
  base::Bytes payload(values.size() * tensor::element_size(dtype));
  if (!transposed) {
    tensor::from_float(dtype, values, payload);
    return payload;
  }
  std::vector<float> turned(values.size());
  for (std::uint64_t i = 0; i < rows; ++i)
    for (std::uint64_t j = 0; j < cols; ++j) turned[j * rows + i] = values[i * cols + j];
  tensor::from_float(dtype, turned, payload);
  return payload;
}

bool fits_half(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) {
    return !std::isfinite(value) || std::isfinite(tensor::half_to_float(tensor::float_to_half(value)));
  });
}

// The holes of weights at the end of a file count, too.
void stretch(base::OutputFile& out, std::uint64_t size) {
  const std::uint8_t zero = 0;
  if (out.size() < size) out.write(size - 1, {&zero, 1});
}

}  // namespace

FactoredForm::FactoredForm(const container::Container& container, const std::string& output, bool external,
                           unsigned threads)
    : container_(container) {
  const container::Manifest& manifest = container.manifest();
  if (manifest.source_format == model::FileFormat::safetensors)
    throw Error(ErrorKind::usage,
                "--form factored is for ONNX models, and " + base::quoted(container.file().name()) +
                    " holds a safetensors file, which has no layers",
                "use --form dense");
  if (std::none_of(manifest.weights.begin(), manifest.weights.end(), [](const container::WeightEntry& entry) {
        return codec::stores_factors(entry.encoding.format);
      }))
    return;
  rebuild(threads);
  const bool outside = external || manifest.files.size() > 1;
  factored_ = model::factored(*model_, shapes(threads),
                              outside ? std::filesystem::path(output).filename().string() + ".data" : "");
  describe();
}

void FactoredForm::rebuild(unsigned threads) {
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

void FactoredForm::match_weights(const model::Placement& placement) {
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::size_t> by_place;
  for (std::size_t i = 0; i < placement.weights.size(); ++i)
    for (const model::Target& target : placement.weights[i])
      by_place.emplace(std::pair(target.file, target.offset), i);
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

std::vector<model::FactorShape> FactoredForm::shapes(unsigned threads) {
  std::vector<model::FactorShape> shapes(stored_.size());
  unfit_.resize(stored_.size());
  base::parallel_for(stored_.size(), threads, [&](std::size_t i) {
    if (stored_[i] == kLiteral) return;
    const container::WeightEntry& entry = container_.manifest().weights[stored_[i]];
    if (!codec::stores_factors(entry.encoding.format)) return;
    const std::optional<std::uint64_t> rank =
        codec::factor_rank(entry.layout, entry.encoding, *container_.cores(stored_[i]));
    if (!rank || *rank == 0) {
      unfit_[i] = rank ? "its rank is 0" : "its tensor train has no rank between its rows and columns";
      return;
    }
    if (entry.layout.dtype == tensor::DType::f16) {
      const tensor::LowRank factors = read_factors(container_, stored_[i]);
      if (!fits_half(factors.left) || !fits_half(factors.right)) {
        unfit_[i] = "its factors are above the range of float16";
        return;
      }
    }
    shapes[i] = {entry.layout.rows, entry.layout.cols, *rank};
  });
  return shapes;
}

void FactoredForm::describe() {
  std::map<std::size_t, const model::FactorFate*> fates;
  for (const model::FactorFate& fate : factored_.fates) fates.emplace(fate.weight, &fate);
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    const auto found = fates.find(i);
    if (found == fates.end() && unfit_[i].empty()) continue;
    FactoredWeight weight;
    weight.name = model_->weights()[i].name;
    weight.encoding = container_.manifest().weights[stored_[i]].encoding;
    weight.why = unfit_[i];
    if (found != fates.end()) {
      const model::FactorFate& fate = *found->second;
      weight.factored = fate.factored;
      weight.why = fate.why, weight.node = fate.node, weight.op = fate.op;
      weight.rank = fate.rank;
      weight.macs_dense = fate.macs_dense, weight.macs_factored = fate.macs_factored;
      weight.bytes_dense = fate.bytes_dense, weight.bytes_factored = fate.bytes_factored;
    }
    report_.factored += weight.factored ? 1 : 0;
    report_.macs_dense += weight.macs_dense, report_.macs_factored += weight.macs_factored;
    report_.bytes_dense += weight.bytes_dense, report_.bytes_factored += weight.bytes_factored;
    report_.weights.push_back(std::move(weight));
  }
  report_.dropped_inputs = factored_.dropped_inputs;
}

void FactoredForm::write(std::vector<base::OutputFile>& outs, unsigned threads,
                         base::Progress& progress) const {
  std::vector<std::uint64_t> sizes;
  for (const model::Weight& weight : model_->weights()) sizes.push_back(weight.place.length);
  for (const model::Factor& factor : factored_.factors) sizes.push_back(factor.bytes);
  const model::Placement placement =
      model::place_pieces(factored_.skeleton.files, factored_.skeleton.literals.size(), sizes);
  allocate_all(placement, outs);
  write_literals(factored_.skeleton, placement, outs);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) bytes += placement.weights[i].empty() ? 0 : sizes[i];
  const std::size_t weights = stored_.size(), jobs = weights + factored_.factors.size() / 2;
  progress.start("decoding", jobs, bytes);
  base::parallel_for(jobs, threads, [&](std::size_t job) {
    if (job < weights)
      write_weight_at(job, placement, outs);
    else
      write_factors(job - weights, placement, outs);
    progress.step(job < weights ? placement.weights[job].empty() ? 0 : sizes[job]
                                : sizes[2 * job - weights] + sizes[2 * job - weights + 1]);
  });
  progress.done();
}

void FactoredForm::write_weight_at(std::size_t index, const model::Placement& placement,
                                   std::vector<base::OutputFile>& outs) const {
  const std::vector<model::Target>& targets = placement.weights[index];
  if (targets.empty()) return;
  if (stored_[index] != kLiteral) return write_weight(container_, stored_[index], targets, outs);
  const model::Place& place = model_->weights()[index].place;
  for (const model::Target& target : targets)
    copy_range(model_->files()[place.file].file, place, target, outs[target.file]);
}

void FactoredForm::write_factors(std::size_t pair, const model::Placement& placement,
                                 std::vector<base::OutputFile>& outs) const {
  const model::Factor& left = factored_.factors[2 * pair];
  const model::Factor& right = factored_.factors[2 * pair + 1];
  const tensor::LowRank factors = read_factors(container_, stored_[left.weight]);
  const tensor::DType dtype = model_->weights()[left.weight].layout.dtype;
  const auto put = [&](const model::Factor& factor, std::size_t index, const base::Bytes& payload) {
    for (const model::Target& target : placement.weights[model_->weights().size() + index]) {
      if (payload.size() != target.length)
        throw Error(ErrorKind::corrupt, "factor " + base::quoted(factor.name) + " does not fill its place",
                    "");
      outs[target.file].write(target.offset, payload);
    }
  };
  put(left, 2 * pair, payload_of(factors.left, factors.rows, factors.rank, left.transposed, dtype));
  put(right, 2 * pair + 1, payload_of(factors.right, factors.rank, factors.cols, right.transposed, dtype));
}

}  // namespace tt::pipeline

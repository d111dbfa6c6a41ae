#include "pipeline/inspect.h"

#include <filesystem>

#include "pipeline/calibrate.h"
#include "runtime/calibration_file.h"

namespace tt::pipeline {
namespace {

InspectReport inspect_container(const container::Container& container) {
  const container::Manifest& manifest = container.manifest();
  InspectReport report;
  report.kind = "tt";
  report.bytes = container.size().total;
  report.format_version = container::kFormatVersion;
  report.tool_version = manifest.tool_version;
  report.source_format = manifest.source_format == model::FileFormat::onnx ? "onnx" : "safetensors";
  report.sources = manifest.sources;
  for (const container::SourceEntry& source : manifest.sources) report.bytes_in += source.bytes;
  report.ratio =
      static_cast<double>(report.bytes) / static_cast<double>(std::max<std::uint64_t>(1, report.bytes_in));
  report.header_bytes = container.size().header;
  report.manifest_bytes = container.size().manifest;
  report.skeleton_bytes = container.size().skeleton;
  report.core_bytes = container.size().cores;
  report.exact = manifest.exact;
  report.seed = manifest.seed;
  report.cpu = manifest.cpu;
  report.options = manifest.options;
  for (const container::WeightEntry& entry : manifest.weights) report.weights.push_back(report_of(entry));
  report.stats = stats_of(report.weights, report.bytes_in, report.bytes);
  return report;
}

// A weight of an uncompressed model, as an entry that is stored raw.
container::WeightEntry raw_entry(const model::Weight& weight) {
  container::WeightEntry entry;
  entry.name = weight.name;
  entry.role = weight.role;
  entry.layout = weight.layout;
  entry.core_sizes = {weight.place.length};
  return entry;
}

InspectReport inspect_model(const model::Model& model) {
  InspectReport report;
  report.kind = model.format() == model::FileFormat::onnx ? "onnx" : "safetensors";
  report.bytes = report.bytes_in = model.bytes();
  report.ratio = 1;
  for (const model::Weight& weight : model.weights()) {
    report.weights.push_back(report_of(raw_entry(weight)));
    report.core_bytes += weight.place.length;
  }
  report.skeleton_bytes = report.bytes - report.core_bytes;
  report.stats = stats_of(report.weights, report.bytes, report.bytes);
  report.notes = model.notes();
  return report;
}

InspectReport inspect_calibration(const base::InputFile& file) {
  InspectReport report;
  report.kind = "ttcal";
  report.bytes = file.size();
  report.calibration = runtime::read_calibration_info(file);
  report.notes = calibration_warnings(*report.calibration);
  return report;
}

}  // namespace

InspectReport inspect(const std::string& path, bool allow_symlinks) {
  base::InputFile file = base::InputFile::open(path);
  InspectReport report;
  if (container::Container::looks_like(file)) {
    report = inspect_container(container::Container::open(std::move(file)));
  } else if (runtime::is_calibration(file)) {
    report = inspect_calibration(file);
  } else {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    report = inspect_model(model::Model::open(std::move(file), folder.empty() ? "." : folder,
                                              {.allow_symlinks = allow_symlinks}));
  }
  report.path = path;
  return report;
}

}  // namespace tt::pipeline

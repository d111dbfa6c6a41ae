// `tt verify X`: nothing is run, everything is read.
#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "container/container.h"
#include "pipeline/edit_history.h"
#include "pipeline/restore.h"
#include "pipeline/rollback_pair.h"
#include "pipeline/verify.h"

namespace tt::pipeline {
namespace {

// Decodes the weight and counts what comes out; nothing is kept.
void check_decoded(const container::Container& container, std::size_t index) {
  const container::WeightEntry& entry = container.manifest().weights[index];
  std::uint64_t bytes = 0;
  decode_weight(container, index, [&](std::uint64_t, base::ByteView piece) { bytes += piece.size(); });
  if (bytes != entry.layout.payload_size())
    throw base::Error(base::ErrorKind::corrupt, "weight " + base::quoted(entry.name) + " decodes to " +
                                                    std::to_string(bytes) + " bytes instead of " +
                                                    std::to_string(entry.layout.payload_size()));
}

// The files that compress read are restored, outside any folder, and compared with their hashes.
void check_restored(const container::Container& container, unsigned threads, base::Progress& progress) {
  std::vector<base::OutputFile> outs;
  for (std::size_t i = 0; i < container.manifest().files.size(); ++i)
    outs.push_back(base::OutputFile::create("-"));  // never committed
  restore_files(container, placement_of(container), outs, threads, progress);
  check_originals(container.manifest(), outs);
}

void check_weights(const container::Container& container, unsigned threads, base::Progress& progress) {
  const auto& weights = container.manifest().weights;
  container.check_skeleton();
  container.read_literals([](base::ByteView) {});
  std::uint64_t bytes = 0;
  for (const container::WeightEntry& entry : weights) bytes += entry.layout.payload_size();
  progress.start("decoding", weights.size(), bytes);
  base::parallel_for(weights.size(), threads, [&](std::size_t i) {
    check_decoded(container, i);
    progress.step(weights[i].layout.payload_size());
  });
  progress.done();
}

void check_container(const container::Container& container, unsigned threads, base::Progress& progress) {
  if (container.manifest().exact)
    check_restored(container, threads, progress);
  else
    check_weights(container, threads, progress);
}

void describe(const container::Container& container, IntegrityReport& report) {
  report.kind = "tt";
  report.bytes = report.checked_bytes = container.size().total;
  report.weights = container.manifest().weights.size();
  report.exact = container.manifest().exact;
}

// A model has no hashes: its structure is walked, and every payload read.
void check_model(const model::Model& model, unsigned threads, base::Progress& progress,
                 IntegrityReport& report) {
  const auto& weights = model.weights();
  report.kind = model.format() == model::FileFormat::onnx ? "onnx" : "safetensors";
  report.bytes = report.checked_bytes = model.bytes();
  report.weights = weights.size();
  progress.start("reading", weights.size(), report.bytes);
  base::parallel_for(weights.size(), threads, [&](std::size_t i) {
    model.read(weights[i]);
    progress.step(weights[i].place.length);
  });
  progress.done();
}

}  // namespace

IntegrityReport check_integrity(const std::string& path, bool allow_symlinks, unsigned threads,
                                base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  threads = base::worker_count(threads);
  IntegrityReport report;
  report.path = path;
  base::InputFile file = base::InputFile::open(path);
  if (container::Container::looks_like(file)) {
    const container::Container container = container::Container::open(std::move(file));
    describe(container, report);
    check_container(container, threads, progress);
  } else {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    check_model(model::Model::open(std::move(file), folder.empty() ? "." : folder,
                                   {.allow_symlinks = allow_symlinks}),
                threads, progress, report);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

PairReport check_pair(const std::string& path, const std::string& rollback, unsigned threads,
                      base::Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  threads = base::worker_count(threads);
  const container::Container file = container::Container::open(base::InputFile::open(path));
  const container::Container other = container::Container::open(base::InputFile::open(rollback));
  check_container(file, threads, progress);
  check_container(other, threads, progress);
  PairReport report{
      path, rollback, file.size().total, other.size().total, file.manifest().weights.size(), 0, {}, {}, 0};
  report.edits = edits_of(file.manifest().options);
  for (const container::SourceEntry& source : file.manifest().sources)
    report.sources.push_back({source.location, source.bytes, base::hex(source.sha256)});
  report.failure = pair_obstacle(file, other);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline

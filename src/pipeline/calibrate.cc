#include "pipeline/calibrate.h"

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/file_hash.h"
#include "runtime/calibrate.h"
#include "runtime/calibration_file.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using runtime::CalibrationSums;
using Clock = std::chrono::steady_clock;

std::string part_path(const CalibrateOptions& options) {
  return options.output + ".part";
}

void write_file(const CalibrationSums& sums, const std::string& path, unsigned threads) {
  base::OutputFile out = base::OutputFile::create(path);
  runtime::write_calibration(sums, out, threads);
  out.commit();
}

// Writes OUTPUT.part now and then; standard output has no place beside it.
void set_checkpoints(const CalibrateOptions& options, runtime::CalibrateOptions& run) {
  if (options.output.empty() || options.output == "-") return;
  const auto last = std::make_shared<Clock::time_point>(Clock::now());
  run.checkpoint_due = [last, seconds = options.checkpoint_seconds] {
    return std::chrono::duration<double>(Clock::now() - *last).count() >= seconds;
  };
  run.checkpoint = [last, path = part_path(options),
                    threads = base::worker_count(options.threads)](const CalibrationSums& sums) {
    write_file(sums, path, threads);
    *last = Clock::now();
  };
}

runtime::CalibrateOptions runtime_options(const CalibrateOptions& options) {
  runtime::CalibrateOptions result;
  result.threads = base::worker_count(options.threads);
  result.seed = options.seed;
  result.mask_input = options.mask_input;
  result.max_samples = options.max_samples;
  result.hold_out = options.keep_samples;
  result.spare_last_quarter = options.spare_last_quarter;
  result.sensitivities = options.sensitivities;
  if (!options.task.empty()) result.task = runtime::parse_task(options.task);
  if (options.isolate) result.isolate = base::ChildLimits{options.max_memory, 0};
  return result;
}

// Of fewer none would be held out.
constexpr std::uint64_t kLeastSamples = 4;

CalibrationSums sum_samples(const model::Model& model, const std::string& samples_path,
                            const CalibrateOptions& options, base::Progress& progress) {
  runtime::CalibrateOptions run = runtime_options(options);
  set_checkpoints(options, run);
  std::optional<CalibrationSums> resume;
  if (options.resume && std::filesystem::exists(part_path(options)))
    resume = runtime::read_calibration(base::InputFile::open(part_path(options)));
  runtime::Calibrator calibrator(model, run);
  const runtime::Samples samples = runtime::Samples::open(samples_path, calibrator.inputs(), options.inputs);
  if (options.keep_samples) samples.require(kLeastSamples, "calibration");
  return calibrator.run(samples, std::move(resume), progress);
}

CalibrationSums merge_files(const CalibrateOptions& options, base::Progress& progress) {
  std::vector<CalibrationSums> parts;
  progress.start("merging", options.merge.size(), 0);
  for (const std::string& path : options.merge) {
    parts.push_back(runtime::read_calibration(base::InputFile::open(path)));
    progress.step(0);
  }
  progress.done();
  return runtime::merge_calibrations(std::move(parts), options.merge);
}

void check_options(const CalibrateOptions& options) {
  const bool merging = !options.merge.empty();
  if (merging && options.merge.size() < 2)
    throw Error(ErrorKind::usage, "one calibration alone cannot be merged", "name two or more .ttcal files");
  if (merging && (!options.model.empty() || !options.samples.empty()))
    throw Error(ErrorKind::usage, "--merge takes .ttcal files alone, neither a model nor samples",
                "write tt calibrate --merge a.ttcal b.ttcal -o ab.ttcal");
  if (!merging && (options.model.empty() || options.samples.empty()))
    throw Error(ErrorKind::usage, "a model and samples are needed",
                "write tt calibrate MODEL samples.npz -o x.ttcal");
  if (options.resume && (merging || options.output == "-"))
    throw Error(ErrorKind::usage, "--resume needs samples and an output file",
                "it goes on from OUTPUT.part, which lies beside the output");
}

model::Model open_model_file(const CalibrateOptions& options) {
  return model::Model::open(options.model, {.allow_symlinks = options.allow_symlinks});
}

}  // namespace

std::vector<std::string> calibration_warnings(const runtime::CalibrationInfo& info) {
  std::vector<std::string> warnings;
  for (const runtime::InputInfo& input : info.inputs) {
    const std::string warning = runtime::warning_of(input);
    if (!warning.empty())
      warnings.push_back("input " + base::quoted(input.value) + " of layer " + base::quoted(input.layer) +
                         " " + warning);
  }
  for (const runtime::WeightInfo& weight : info.weights)
    if (!weight.note.empty())
      warnings.push_back("weight " + base::quoted(weight.name) + ": " +
                         (weight.inputs.empty() ? "C = I, " : "") + weight.note);
  return warnings;
}

bool is_calibration_file(const std::string& path) {
  return path != "-" && !std::filesystem::is_directory(path) &&
         runtime::is_calibration(base::InputFile::open(path));
}

CalibrationSums load_or_calibrate(const model::Model& model, const std::string& path,
                                  const CalibrateOptions& options, base::Progress& progress) {
  if (is_calibration_file(path)) {
    CalibrationSums sums = runtime::read_calibration(base::InputFile::open(path));
    runtime::check_model(sums.info, model, path);
    return sums;
  }
  CalibrateOptions alone = options;
  alone.output.clear();
  alone.resume = false;
  return sum_samples(model, path, alone, progress);
}

std::shared_ptr<const runtime::Calibration> calibrate_for(const model::Model& model,
                                                          const QualityLimits& limits, std::uint64_t seed,
                                                          unsigned threads, base::Progress& progress) {
  CalibrateOptions how;
  how.inputs = limits.inputs;
  how.mask_input = limits.mask_input;
  how.task = limits.task;
  how.spare_last_quarter = limits.any() && limits.eval.empty();
  how.seed = seed;
  how.threads = threads;
  return std::make_shared<const runtime::Calibration>(load_or_calibrate(model, limits.calib, how, progress));
}

CalibrateReport calibrate(const CalibrateOptions& options, base::Progress& progress) {
  const auto start = Clock::now();
  check_options(options);
  base::OutputFile out = base::OutputFile::create(options.output);
  const CalibrationSums sums = options.merge.empty()
                                   ? sum_samples(open_model_file(options), options.samples, options, progress)
                                   : merge_files(options, progress);
  runtime::write_calibration(sums, out, base::worker_count(options.threads));
  CalibrateReport report;
  report.output = options.output;
  report.output_sha256 = sha256_of(out);
  report.bytes_out = out.size();
  out.commit();
  if (options.merge.empty() && options.output != "-") std::remove(part_path(options).c_str());
  report.info = sums.info;
  report.warnings = calibration_warnings(sums.info);
  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline

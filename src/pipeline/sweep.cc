#include "pipeline/sweep.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "base/cancel.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/temporary_folder.h"
#include "base/text.h"
#include "pipeline/calibrate.h"
#include "pipeline/decompress.h"
#include "pipeline/sweep_checkpoint.h"
#include "runtime/batches.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::uint64_t kLatencyRuns = 20;
constexpr double kLatencySeconds = 2;
constexpr std::uint64_t kSameSize = 100;  // sizes that differ by one part of so many are alike

void check_options(const SweepOptions& options) {
  if (options.verify.data.empty())
    throw Error(ErrorKind::usage, "a sweep measures its files on samples, and there are none",
                "add --data samples.npz");
  for (const std::string* path : {&options.compress.input, &options.compress.limits.calib,
                                  &options.verify.data, &options.verify.labels})
    if (*path == "-")
      throw Error(ErrorKind::usage, "a sweep reads its files again and again, and one is standard input",
                  "give it as a file");
}

model::Model open_original(const CompressOptions& options) {
  model::Model model = model::Model::open(options.input, {.allow_symlinks = options.allow_symlinks});
  if (model.format() == model::FileFormat::onnx) return model;
  throw Error(
      ErrorKind::unsupported,
      "a sweep runs every file, and " + base::quoted(options.input) + " holds weights without a graph",
      "give an ONNX model");
}

// One file after the other, in a folder that goes with this object.
class Bench {
 public:
  Bench(const SweepOptions& options, const model::Model& original)
      : options_(options), original_(original), compress_(options.compress), verify_(options.verify) {
    compress_.output = folder_.path() + "/point.tt";
    compress_.target_ratio.reset();
    compress_.target_bytes.reset();
    compress_.rollback.clear();
    compress_.plan_out.clear();
    compress_.plan_in.clear();
    compress_.dry_run = compress_.lossless = false;
    verify_.original = compress_.input;
    verify_.candidate = compress_.output;
    verify_.latency = verify_.macs = false;
  }

  // What the layers see is the same for every size.
  void calibrate_once() {
    std::string& calib = compress_.limits.calib;
    if (calib.empty() || is_calibration_file(calib)) return;
    CalibrateOptions how;
    how.model = compress_.input;
    how.samples = calib;
    how.output = folder_.path() + "/samples.ttcal";
    how.inputs = compress_.limits.inputs;
    how.mask_input = compress_.limits.mask_input;
    how.task = compress_.limits.task;
    how.seed = compress_.seed;
    how.threads = compress_.threads;
    how.allow_symlinks = compress_.allow_symlinks;
    how.checkpoint_seconds = std::numeric_limits<double>::infinity();  // nobody goes on from this folder
    calibrate(how, quiet_);
    calib = how.output;
  }

  // Also what verify says of the original, and warnings. Errors: all but that of a size out of reach.
  SweepPoint measure(const SweepSetting& setting, SweepReport& report) {
    SweepPoint point;
    point.setting = setting;
    try {
      const CompressReport made =
          compress(options_for(setting, compress_, original_, folder_.path() + "/plan.json"), quiet_);
      point.bytes = made.bytes_out;
      point.ratio = made.ratio;
      add_warnings(made.warnings, report);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::goal_unreachable) throw;
      point.why_not = error.what();
      return point;
    }
    add_figures(point, report);
    return point;
  }

 private:
  void add_figures(SweepPoint& point, SweepReport& report) {
    const VerifyReport found = verify(verify_, quiet_);
    point.figures = figures_of(found);
    point.damage = damage_of(found);
    report.task = found.task;
    report.measure = damage_measure(found);
    report.samples = found.judgement.samples;
    report.original = original_figures(found);
    add_warnings(found.warnings, report);
    if (!options_.latency) return;
    const auto [original, candidate] = latencies();
    point.figures.push_back({"latency_ms", candidate.median_ms});
    point.figures.push_back({"latency_original_ms", original.median_ms});
  }

  // Of the factored form: the dense one takes as long as the original.
  std::pair<runtime::Latency, runtime::Latency> latencies() {
    DecompressOptions how;
    how.input = compress_.output;
    how.output = folder_.path() + "/point.onnx";
    how.form = "factored";
    how.threads = compress_.threads;
    how.overwrite = true;
    decompress(how, quiet_);
    runtime::SessionOptions session{.threads = base::worker_count(compress_.threads), .isolate = {}};
    if (verify_.isolate) session.isolate = base::ChildLimits{verify_.max_memory, 0};
    const runtime::Session original = runtime::Session::open(original_, session);
    const runtime::Session candidate = runtime::Session::open(model::Model::open(how.output), session);
    const runtime::Samples samples = runtime::Samples::open(verify_.data, original.inputs(), verify_.inputs);
    const runtime::Batches batches(original, samples, 0, samples.size(), 1);
    return runtime::measure_latency(original, candidate, batches.first_inputs(), kLatencyRuns,
                                    kLatencySeconds);
  }

  void add_warnings(const std::vector<std::string>& warnings, SweepReport& report) {
    std::vector<std::string>& all = report.warnings;
    for (const std::string& warning : warnings)
      if (std::find(all.begin(), all.end(), warning) == all.end()) all.push_back(warning);
  }

  const SweepOptions& options_;
  const model::Model& original_;
  base::TemporaryFolder folder_;
  CompressOptions compress_;
  VerifyOptions verify_;
  base::Progress quiet_;  // one bar for all files
};

bool is_alike(std::uint64_t a, std::uint64_t b) {
  return std::max(a, b) - std::min(a, b) <= std::min(a, b) / kSameSize;
}

// The next rank of a family gives the same weights: there is nothing more to factor. The file records its
// options, so a byte may differ.
bool is_spent(const SweepPoint& point, const std::vector<SweepPoint>& points) {
  if (!point.setting.rank || points.empty()) return false;
  const SweepPoint& last = points.back();
  return last.setting.rank && last.setting.family == point.setting.family &&
         (!point.why_not.empty() || (last.damage == point.damage && is_alike(last.bytes, point.bytes)));
}

void restore(const SweepCheckpoint& checkpoint, SweepReport& report) {
  report.task = checkpoint.task;
  report.measure = checkpoint.measure;
  report.samples = checkpoint.samples;
  report.original = checkpoint.original;
  report.warnings = checkpoint.warnings;
}

void keep(SweepCheckpoint& checkpoint, const SweepPoint& point, const SweepReport& report) {
  checkpoint.task = report.task;
  checkpoint.measure = report.measure;
  checkpoint.samples = report.samples;
  checkpoint.original = report.original;
  checkpoint.warnings = report.warnings;
  checkpoint.add(point);
}

void measure_all(const std::vector<SweepSetting>& settings, Bench& bench, SweepCheckpoint& checkpoint,
                 SweepReport& report, base::Progress& progress) {
  std::set<std::string> spent;
  bool calibrated = false;
  for (const SweepSetting& setting : settings) {
    base::check_cancelled();
    if (spent.contains(setting.family)) {
      progress.step(0);
      continue;
    }
    const SweepPoint* known = checkpoint.find(setting);
    if (known == nullptr && !std::exchange(calibrated, true)) bench.calibrate_once();
    const SweepPoint point = known ? *known : bench.measure(setting, report);
    report.resumed += known ? 1 : 0;
    if (!known) keep(checkpoint, point, report);
    if (is_spent(point, report.points))
      spent.insert(setting.family);
    else
      report.points.push_back(point);
    progress.step(0);
  }
}

bool dominates(const SweepPoint& a, const SweepPoint& b) {
  if (a.bytes == 0 || b.bytes == 0) return false;
  if (a.damage == b.damage) return a.bytes < b.bytes;
  return a.damage < b.damage && (a.bytes <= b.bytes || is_alike(a.bytes, b.bytes));
}

}  // namespace

void mark_dominated(std::vector<SweepPoint>& points) {
  for (SweepPoint& point : points) {
    const SweepPoint* best = nullptr;
    for (const SweepPoint& other : points)
      if (dominates(other, point) && (best == nullptr || other.damage < best->damage)) best = &other;
    point.dominated = best != nullptr;
    point.dominated_by = best ? best->setting.id() : "";
  }
}

void check_sweep(const SweepOptions& options) {
  check_options(options);
  settings_of(options.grid);
  open_original(options.compress);
  SweepCheckpoint(options.checkpoint, sweep_identity(options), options.resume);
}

SweepReport sweep(const SweepOptions& options, base::Progress& progress) {
  check_options(options);
  const std::vector<SweepSetting> settings = settings_of(options.grid);
  const model::Model original = open_original(options.compress);
  SweepCheckpoint checkpoint(options.checkpoint, sweep_identity(options), options.resume);
  SweepReport report;
  report.model = options.compress.input;
  report.data = options.verify.data;
  report.bytes_in = original.bytes();
  restore(checkpoint, report);
  Bench bench(options, original);
  progress.start("sweeping", settings.size(), 0);
  measure_all(settings, bench, checkpoint, report, progress);
  progress.done();
  mark_dominated(report.points);
  return report;
}

}  // namespace tt::pipeline

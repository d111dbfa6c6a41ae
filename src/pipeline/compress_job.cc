#include "pipeline/compress_job.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/calibrate.h"
#include "pipeline/compensation.h"
#include "pipeline/plan_file.h"
#include "runtime/session.h"
#include "tensor/blas.h"

namespace tt::pipeline {
namespace {

// One file where that is possible; the files as they are for --lossless and above protobuf's 2 GB.
model::Skeleton skeleton_of(const model::Model& model, bool lossless) {
  if (lossless) return model.exact_skeleton();
  try {
    return model.inline_skeleton();
  } catch (const base::Error& error) {
    if (error.kind() != base::ErrorKind::unsupported) throw;
  }
  return model.exact_skeleton();
}

// Values kept as varints change their length with the value: where the file keeps this form they stay as they
// are.
void keep_varints_exact(const model::Skeleton& skeleton, std::vector<plan::PriceOptions>& options) {
  for (const model::SkeletonFile& file : skeleton.files)
    for (const model::Piece& piece : file.pieces)
      if (piece.weight != model::kNoWeight && piece.form == model::PayloadForm::varint16) {
        options[piece.weight].freedom = plan::Freedom::exact;
        options[piece.weight].fixed.reset();
      }
}

// A step along a curve is about this part of the goal.
constexpr std::uint64_t kPieces = 1024;
// Of the model: a usual size within limits.
constexpr std::uint64_t kLimitShare = 16;

// Why values of this range are kept bit for bit, or empty.
std::string obstacle(tensor::ValueRange range) {
  if (range == tensor::ValueRange::not_finite) return "not finite";
  return range == tensor::ValueRange::float64 ? "beyond the range of float32" : "";
}

constexpr std::uint64_t kMostDriftSamples = 4 * runtime::kCalibrationBlock;

// Needs the samples themselves. What limits keep is measured on other weights than a search began with.
bool compensates(const CompressOptions& options) {
  const QualityLimits& limits = options.limits;
  return terms_of(options.effort).compensates && !limits.calib.empty() &&
         !is_calibration_file(limits.calib) && !limits.any();
}

}  // namespace

CompressJob::CompressJob(const model::Model& model, const model::Model& original,
                         const CompressOptions& options, bool lossless, const JobCalibration& calibration,
                         base::Progress& progress)
    : model_(model),
      original_(original),
      options_(options),
      lossless_(lossless),
      progress_(progress),
      threads_(base::worker_count(options.threads)),
      selection_(select_weights(model, options, lossless)),
      metrics_(calibration.known, calibration.weights),
      isolate_(calibration.isolate) {
  // First of all: what is wrong with the samples is found before the work.
  if (!lossless && options.limits.any() && options.limits.has_samples())
    check_.emplace(
        original, model, options.limits,
        calibration.judges && options.limits.eval.empty() ? &calibration.known->held_out() : nullptr,
        threads_);
  if (!lossless && !options.plan_in.empty()) apply_plan_file(options.plan_in, model, selection_);
  const model::Skeleton skeleton = skeleton_of(model, lossless);
  keep_varints_exact(skeleton, selection_.options);
  writer_.emplace(manifest(skeleton), skeleton.literals);
}

container::Manifest CompressJob::manifest(const model::Skeleton& skeleton) const {
  container::Manifest manifest;
  manifest.tool_version = TT_VERSION;
  manifest.source_format = model_.format();
  manifest.exact = lossless_;
  for (const model::SourceFile& source : original_.files())
    manifest.sources.push_back({source.location, source.file.size(), base::sha256_file(source.file)});
  manifest.files = skeleton.files;
  manifest.seed = options_.seed;
  manifest.options = options_json(options_, lossless_);
  manifest.cpu = tensor::blas_core_name();
  return manifest;
}

void CompressJob::price_weights(std::uint64_t goal) {
  const std::vector<model::Weight>& weights = model_.weights();
  curves_.resize(weights.size());
  ranges_.resize(weights.size());
  // The smallest file within limits must not depend on a size goal beside them.
  const std::uint64_t whole =
      options_.limits.any() ? model_.bytes() / kLimitShare : std::min(goal, model_.bytes() / 2);
  const std::uint64_t pitch = whole / kPieces;
  progress_.start("pricing", weights.size(), 0);
  base::parallel_for(weights.size(), threads_, [&](std::size_t i) {
    const tensor::WeightData data = model_.read(weights[i]);
    ranges_[i] = tensor::range_of(data.layout.dtype, data.payload);
    const std::shared_ptr<const tensor::SicPlan> sic = metrics_.sic(i);
    plan::PriceOptions options = selection_.options[i];
    options.sic = sic.get();
    options.pitch = pitch;
    options.grid = terms_of(options_.effort).grid;
    options.quant_first = terms_of(options_.effort).quant_first;
    curves_[i] = plan::price(data, options);
    if (curves_[i].size() > 1 && metrics_.calibration() == nullptr &&
        ranges_[i] == tensor::ValueRange::float32)
      selection_.importances[i] *= unseen_importance(weights[i], data);
    progress_.step(weights[i].layout.payload_size());
  });
  progress_.done();
  importances_ = selection_.importances;
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (selection_.reasons[i].empty()) selection_.reasons[i] = obstacle(ranges_[i]);
}

const FittedPlan& CompressJob::fit(std::uint64_t goal) {
  price_weights(goal);
  encoder_.emplace(model_, curves_, metrics_, threads_,
                   codec::EncodeOptions{.svd_method = selection_.svd_method, .seed = options_.seed});
  if (!lossless_ && metrics_.calibration() != nullptr && goal != UINT64_MAX)
    choose(core_budget(goal, *writer_, curves_.size()));
  if (!lossless_ && options_.limits.any())
    fit_limits(goal);
  else if (lossless_)
    fitted_ = fit_plan(plan::smallest_plan(curves_, importances_), nullptr, *writer_, *encoder_, progress_);
  else if (goal == UINT64_MAX)
    fitted_ = fit_plan(plan::best_plan(curves_, importances_), nullptr, *writer_, *encoder_, progress_);
  else
    fitted_ = fit_to_size(curves_, importances_, *writer_, *encoder_, goal, original_.bytes(), progress_);
  if (fitted_.size.total >= original_.bytes())
    throw_unreachable(original_.bytes() - 1, fitted_.size.total, original_.bytes());
  return fitted_;
}

void CompressJob::choose(std::uint64_t budget) {
  const runtime::Calibration& calibration = *metrics_.calibration();
  std::vector<std::optional<double>> sensitivities;
  for (std::size_t w = 0; w < curves_.size(); ++w) sensitivities.push_back(metrics_.sensitivity(w));
  std::optional<PlanJudge> judge;
  const std::span<const double> alphas = terms_of(options_.effort).alphas;
  if (!alphas.empty() && !calibration.held_out().empty())
    judge.emplace(original_, model_, calibration, JudgeSetup{options_.limits.task, threads_, isolate_});
  choice_ = choose_importances({curves_, selection_.importances, sensitivities, *encoder_,
                                judge ? &*judge : nullptr, alphas, progress_},
                               budget, importances_);
  if (judge && choice_.damage && compensates(options_)) compensate(budget, *judge);
}

void CompressJob::compensate(std::uint64_t budget, const PlanJudge& judge) {
  const runtime::Session session = runtime::Session::open(original_);
  const runtime::Samples samples =
      runtime::Samples::open(options_.limits.calib, session.inputs(), options_.limits.inputs);
  const std::vector<runtime::SampleBlock> blocks =
      runtime::sample_blocks(std::min(samples.size(), kMostDriftSamples),
                             runtime::fixed_batch(session.inputs(), samples.read(0, 1)), true);
  const plan::Plan plan = *plan::allocate(curves_, importances_, budget);
  const std::size_t moved = pipeline::compensate(
      {model_, plan, threads_, options_.limits.mask_input, isolate_}, samples, blocks, *encoder_, progress_);
  const std::optional<double> damage = judge.damage(encoder_->encode(plan, nullptr, progress_));
  if (damage && *damage < *choice_.damage) {
    choice_.damage = damage;
    choice_.compensated = moved;
  } else {
    encoder_->clear_targets();
  }
}

// The importances are chosen for the size that a first search ends with, and the search is done again with
// them.
QualityFit CompressJob::smallest_within_limits(const Workshop& shop, const Measure& measure) {
  importances_ = selection_.importances;
  QualityFit first = fit_to_quality(shop, measure);
  if (metrics_.calibration() == nullptr) return first;
  choose(first.fitted.plan.bytes);
  QualityFit second = fit_to_quality(shop, measure);
  if (second.fitted.size.total <= first.fitted.size.total) return second;
  first.fitted = fit_plan(first.fitted.plan, nullptr, *writer_, *encoder_, progress_);
  return first;
}

void CompressJob::fit_limits(std::uint64_t goal) {
  const Workshop shop{curves_, importances_, *writer_, *encoder_, progress_, original_.bytes()};
  const Measure measure = [this](const std::vector<const container::EncodedWeight*>& weights) {
    return check_->measure(weights, progress_);
  };
  const auto smallest = [&] { return smallest_within_limits(shop, measure); };
  QualityFit fit = !check_              ? fit_to_weight_error(shop, *options_.limits.max_error, goal)
                   : goal == UINT64_MAX ? smallest()
                                        : fit_within(shop, measure, goal, smallest);
  fitted_ = std::move(fit.fitted);
  quality_ = std::move(fit.quality);
}

std::vector<std::string> CompressJob::limit_warnings() const {
  const std::uint64_t unseen = check_ ? check_->unseen_layers() : 0;
  if (unseen == 0) return {};
  return {std::to_string(unseen) +
          " uses of weights are inside If, Loop, Scan or a function: the limits hold for "
          "the outputs of the model instead of theirs"};
}

std::vector<Certificate> CompressJob::certify() const {
  return pipeline::certify(model_, metrics_, fitted_.weights, terms_of(options_.effort).bounds, threads_);
}

void CompressJob::write(base::OutputFile& out) const {
  writer_->write(fitted_.weights, out);
}

}  // namespace tt::pipeline

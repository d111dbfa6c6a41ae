#include "pipeline/edit_job.h"

#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/calibrate.h"
#include "pipeline/open_model.h"

namespace tt::pipeline {
namespace {

EditedReport report_of(const EditedWeight& weight, std::uint64_t directions) {
  const container::WeightEntry& entry = weight.encoded.entry;
  return {.name = entry.name,
          .role = model::role_name(entry.role),
          .encoding = entry.encoding,
          .bytes_before = weight.bytes_before,
          .bytes_after = weight.bytes_after,
          .directions = directions,
          .response_before = weight.response_before,
          .response_after = weight.response_after,
          .change = weight.change,
          .output_change = weight.output_change};
}

}  // namespace

EditJob::EditJob(const container::Container& container, const EditOptions& options, base::Progress& progress)
    : container_(container),
      options_(options),
      progress_(progress),
      threads_(base::worker_count(options.threads)),
      model_(decoded_model(container, threads_)),
      targets_(container, model_) {}

EditJob::Known EditJob::known(const std::string& path) {
  CalibrateOptions how;
  how.inputs = options_.inputs;
  how.mask_input = options_.mask_input;
  how.task = options_.task;
  how.keep_samples = how.sensitivities = false;
  how.threads = options_.threads;
  return std::make_shared<const runtime::Calibration>(load_or_calibrate(model_, path, how, progress_));
}

std::optional<tensor::Projection> EditJob::common_projection() {
  if (pattern_number(options_.direction)) return std::nullopt;
  Vectors vectors;
  if (!options_.direction.empty()) {
    vectors = read_vectors(options_.direction);
  } else {
    const EditTarget& layer = targets_.layer(options_.layer);
    const Known positive = known(options_.positive), negative = known(options_.negative);
    vectors = mean_difference(*positive, *negative, layer.model, model_.read(model_.weights()[layer.model]),
                              layer.seen, options_.side);
  }
  return tensor::orthogonal_projection(vectors.values, vectors.count, vectors.length);
}

std::vector<EditTarget> EditJob::chosen(std::uint64_t length) const {
  if (!options_.weights.empty()) return targets_.named(options_.weights, options_.side, length);
  if (options_.direction.empty()) return {targets_.layer(options_.layer)};
  return targets_.of_length(options_.side, length);
}

tensor::Projection EditJob::own_projection(const EditTarget& target) const {
  const Vectors own = pattern_vector(model_.read(model_.weights()[target.model]), target.seen, options_.side,
                                     *pattern_number(options_.direction));
  return tensor::orthogonal_projection(own.values, own.count, own.length);
}

WeightEdit EditJob::edit_for(const EditTarget& target, const std::optional<tensor::Projection>& common,
                             const Known& preserve) const {
  WeightEdit edit;
  edit.weight = target.stored;
  edit.axis = target.seen.axis(options_.side);
  edit.amount = options_.inject ? options_.strength : -options_.strength;
  edit.projection = common ? *common : own_projection(target);
  if (!preserve || target.seen.is_vector()) return edit;
  edit.metric = preserve->metric(target.model);
  if (edit.metric->kind == tensor::Metric::Kind::identity) edit.metric.reset();
  if (edit.metric && options_.side == Side::input)
    edit.projection = tensor::projection_in(edit.projection, *edit.metric);
  return edit;
}

std::vector<EditedWeight> EditJob::run(EditReport& report) {
  const std::optional<tensor::Projection> common = common_projection();
  const std::vector<EditTarget> chosen = this->chosen(common ? common->length : 0);
  const Known preserve = options_.preserve.empty() ? nullptr : known(options_.preserve);
  std::vector<EditedWeight> edited(chosen.size());
  report.weights.resize(chosen.size());
  progress_.start("editing", chosen.size(), 0);
  base::parallel_for(chosen.size(), threads_, [&](std::size_t i) {
    const WeightEdit edit = edit_for(chosen[i], common, preserve);
    edited[i] = edit_weight(container_, edit);
    if (preserve && !edit.metric)
      edited[i].encoded.warnings.emplace_back(
          "what its layer sees on the samples to keep is not known, it was edited without them");
    report.weights[i] = report_of(edited[i], edit.projection.count);
    progress_.step(edited[i].bytes_before);
  });
  progress_.done();
  for (const EditedWeight& weight : edited)
    for (const std::string& warning : weight.encoded.warnings)
      report.warnings.push_back("weight " + base::quoted(weight.encoded.entry.name) + ": " + warning);
  return edited;
}

}  // namespace tt::pipeline

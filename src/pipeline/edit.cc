#include "pipeline/edit.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "pipeline/calibrate.h"
#include "pipeline/edited_weight.h"
#include "pipeline/open_model.h"
#include "pipeline/rewrite.h"
#include "pipeline/selection.h"
#include "pipeline/weight_analysis.h"
#include "tensor/blas.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::JsonArray;
using base::JsonObject;
using container::Container;
using container::EncodedWeight;
using Clock = std::chrono::steady_clock;
using Known = std::shared_ptr<const runtime::Calibration>;

constexpr double kMostInjected = 1000;
constexpr std::string_view kEditHint = "see tt help edit";

[[noreturn]] void throw_usage(const std::string& message) {
  throw Error(ErrorKind::usage, message, std::string(kEditHint));
}

bool by_means(const EditOptions& options) {
  return options.direction.empty();
}

void check_options(const EditOptions& options) {
  const bool samples = !options.positive.empty() || !options.negative.empty() || !options.layer.empty();
  if (by_means(options) && !samples) throw_usage("there is nothing to edit: no direction is given");
  if (!by_means(options) && samples)
    throw_usage("a direction is given, and samples to find one: one of them is too many");
  if (by_means(options) && (options.positive.empty() || options.negative.empty() || options.layer.empty()))
    throw_usage("a direction of samples needs --positive, --negative and --layer");
  const double most = options.inject ? kMostInjected : 1;
  if (!(options.strength > 0 && options.strength <= most))
    throw_usage("the strength is " + std::to_string(options.strength) + ", but must be above 0 and at most " +
                (options.inject ? "1000" : "1"));
  if (options.max_collateral && options.preserve.empty())
    throw_usage("a limit on the collateral needs --preserve samples");
  if (options.max_collateral && !(*options.max_collateral >= 0))
    throw_usage("the limit on the collateral is negative");
  if (pattern_number(options.direction) && options.weights.empty())
    throw_usage("a pattern is one of a weight: say which by --weights");
}

// The weights of the container as their layers see them.
struct Candidate {
  std::size_t stored = 0, model = 0;
  SeenWeight seen;
};

class Job {
 public:
  Job(const Container& container, const EditOptions& options, base::Progress& progress)
      : container_(container),
        options_(options),
        progress_(progress),
        threads_(base::worker_count(options.threads)),
        model_(decoded_model(container, threads_)) {
    find_candidates();
  }

  std::vector<EditedWeight> run(EditReport& report);
  const model::Model& model() const { return model_; }

 private:
  void find_candidates();
  Known known(const std::string& path);
  bool matches(const Candidate& candidate, const WeightPattern& pattern) const {
    return pattern.matches(model_.weights()[candidate.model]);
  }
  const std::string& name(const Candidate& candidate) const { return model_.weights()[candidate.model].name; }
  const Candidate& layer() const;
  Vectors common_vectors();
  std::vector<Candidate> chosen(std::uint64_t length) const;
  std::vector<Candidate> named(std::uint64_t length) const;
  void check_side(const Candidate& candidate, std::uint64_t length) const;
  WeightEdit edit_for(const Candidate& candidate, const std::optional<tensor::Projection>& common,
                      const Known& preserve) const;

  const Container& container_;
  const EditOptions& options_;
  base::Progress& progress_;
  unsigned threads_;
  model::Model model_;
  std::vector<Candidate> candidates_;
};

void Job::find_candidates() {
  std::map<std::string, std::size_t> stored;
  const auto& entries = container_.manifest().weights;
  for (std::size_t i = 0; i < entries.size(); ++i) stored.emplace(entries[i].name, i);
  const Selection selection = select_weights(model_, {}, false);
  for (std::size_t m = 0; m < model_.weights().size(); ++m) {
    const model::Weight& weight = model_.weights()[m];
    const auto found = stored.find(weight.name);
    if (found == stored.end() || entries[found->second].layout.shape != weight.layout.shape) continue;
    candidates_.push_back(
        {found->second,
         m,
         {entries[found->second].layout, is_stored_in_by_out(weight, selection.options[m].block_axis)}});
  }
}

Known Job::known(const std::string& path) {
  CalibrateOptions how;
  how.inputs = options_.inputs;
  how.mask_input = options_.mask_input;
  how.task = options_.task;
  how.keep_samples = how.sensitivities = false;
  how.threads = options_.threads;
  return std::make_shared<const runtime::Calibration>(load_or_calibrate(model_, path, how, progress_));
}

const Candidate& Job::layer() const {
  const WeightPattern pattern(options_.layer);
  const Candidate* found = nullptr;
  for (const Candidate& candidate : candidates_) {
    if (candidate.seen.is_vector() || !matches(candidate, pattern)) continue;
    if (found)
      throw Error(ErrorKind::usage,
                  "--layer " + base::quoted(options_.layer) + " matches more than one weight, " +
                      base::quoted(name(*found)) + " and " + base::quoted(name(candidate)),
                  "name one, see tt inspect");
    found = &candidate;
  }
  if (!found)
    throw Error(ErrorKind::usage, "--layer " + base::quoted(options_.layer) + " matches no matrix or kernel",
                "list the weights with tt inspect");
  return *found;
}

// Of all chosen weights alike; patterns are each weight's own.
Vectors Job::common_vectors() {
  if (!by_means(options_)) return read_vectors(options_.direction);
  const Candidate& candidate = layer();
  const Known positive = known(options_.positive), negative = known(options_.negative);
  return mean_difference(*positive, *negative, candidate.model,
                         model_.read(model_.weights()[candidate.model]), candidate.seen, options_.side);
}

void Job::check_side(const Candidate& candidate, std::uint64_t length) const {
  const std::string side = options_.side == Side::input ? "inputs" : "outputs";
  if (candidate.seen.is_vector() && options_.side == Side::input)
    throw Error(ErrorKind::bad_data,
                "weight " + base::quoted(name(candidate)) + " is a vector and has no side of inputs",
                "leave it out of --weights, or use --side output");
  if (length == 0 || candidate.seen.length(options_.side) == length) return;
  throw Error(ErrorKind::bad_data,
              "weight " + base::quoted(name(candidate)) + " has " +
                  std::to_string(candidate.seen.length(options_.side)) + " " + side +
                  ", and the direction is of length " + std::to_string(length),
              "choose other --weights, or the other --side");
}

// `length` 0: any.
std::vector<Candidate> Job::named(std::uint64_t length) const {
  std::vector<bool> wanted(candidates_.size());
  for (const std::string& text : options_.weights) {
    const WeightPattern pattern(text);
    bool any = false;
    for (std::size_t i = 0; i < candidates_.size(); ++i)
      if (matches(candidates_[i], pattern)) wanted[i] = any = true;
    if (!any)
      throw Error(ErrorKind::usage, "pattern " + base::quoted(text) + " matches no weight",
                  "list the weights with tt inspect");
  }
  std::vector<Candidate> chosen;
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (!wanted[i]) continue;
    check_side(candidates_[i], length);
    chosen.push_back(candidates_[i]);
  }
  return chosen;
}

std::vector<Candidate> Job::chosen(std::uint64_t length) const {
  if (!options_.weights.empty()) return named(length);
  if (by_means(options_)) return {layer()};
  std::vector<Candidate> chosen;
  for (const Candidate& candidate : candidates_)
    if (model::is_layer_role(model_.weights()[candidate.model].role) && !candidate.seen.is_vector() &&
        candidate.seen.length(options_.side) == length)
      chosen.push_back(candidate);
  if (chosen.empty())
    throw Error(ErrorKind::bad_data,
                "the direction is of length " + std::to_string(length) + ", and no layer of " +
                    base::quoted(options_.input) + " has as many " +
                    (options_.side == Side::input ? "inputs" : "outputs"),
                "see the shapes with tt inspect, or try the other --side");
  return chosen;
}

WeightEdit Job::edit_for(const Candidate& candidate, const std::optional<tensor::Projection>& common,
                         const Known& preserve) const {
  WeightEdit edit;
  edit.weight = candidate.stored;
  edit.axis = candidate.seen.axis(options_.side);
  edit.amount = options_.inject ? options_.strength : -options_.strength;
  if (common) {
    edit.projection = *common;
  } else {
    const Vectors own = pattern_vector(model_.read(model_.weights()[candidate.model]), candidate.seen,
                                       options_.side, *pattern_number(options_.direction));
    edit.projection = tensor::orthogonal_projection(own.values, own.count, own.length);
  }
  if (preserve && !candidate.seen.is_vector()) edit.metric = preserve->metric(candidate.model);
  if (edit.metric && options_.side == Side::input && edit.metric->size == edit.projection.length)
    edit.projection = tensor::projection_in(edit.projection, *edit.metric);
  return edit;
}

std::vector<EditedWeight> Job::run(EditReport& report) {
  std::optional<tensor::Projection> common;
  if (!pattern_number(options_.direction)) {
    const Vectors vectors = common_vectors();
    common = tensor::orthogonal_projection(vectors.values, vectors.count, vectors.length);
  }
  const std::vector<Candidate> chosen = this->chosen(common ? common->length : 0);
  const Known preserve = options_.preserve.empty() ? nullptr : known(options_.preserve);
  std::vector<EditedWeight> edited(chosen.size());
  report.weights.resize(chosen.size());
  progress_.start("editing", chosen.size(), 0);
  base::parallel_for(chosen.size(), threads_, [&](std::size_t i) {
    const WeightEdit edit = edit_for(chosen[i], common, preserve);
    edited[i] = edit_weight(container_, edit);
    const EditedWeight& e = edited[i];
    report.weights[i] = {e.encoded.entry.name,
                         model::role_name(e.encoded.entry.role),
                         e.encoded.entry.encoding,
                         e.bytes_before,
                         e.bytes_after,
                         edit.projection.count,
                         e.response_before,
                         e.response_after,
                         e.change,
                         e.output_change};
    progress_.step(e.bytes_before);
  });
  progress_.done();
  return edited;
}

Json hash_of(const std::string& path) {
  if (path.empty() || path == "-" || std::filesystem::is_directory(path)) return Json();
  return Json(base::hex(base::sha256_file(base::InputFile::open(path))));
}

// What was done, without names of files: those are this machine's.
Json history_row(const EditOptions& options, const EditReport& report, const Container& container) {
  JsonArray names;
  for (const EditedReport& weight : report.weights) names.emplace_back(weight.name);
  const bool pattern = pattern_number(options.direction).has_value();
  return Json(JsonObject{{"action", Json(report.action)},
                         {"direction", pattern ? Json(options.direction) : hash_of(options.direction)},
                         {"positive", hash_of(options.positive)},
                         {"negative", hash_of(options.negative)},
                         {"layer", options.layer.empty() ? Json() : Json(options.layer)},
                         {"preserve", hash_of(options.preserve)},
                         {"side", Json(options.side == Side::input ? "input" : "output")},
                         {"strength", Json(options.strength)},
                         {"weights", Json(std::move(names))},
                         {"before_sha256", Json(base::hex(base::sha256_file(container.file())))}});
}

void measure(const EditOptions& options, const model::Model& before, const base::OutputFile& out,
             base::Progress& progress, EditReport& report) {
  const auto runs = [](const std::string& path) { return !path.empty() && !is_calibration_file(path); };
  const bool keep = runs(options.preserve), target = runs(options.positive);
  if (options.max_collateral && !keep)
    throw_usage("a limit on the collateral needs samples to run, and --preserve is a calibration");
  if (!keep && !target) return;
  const unsigned threads = base::worker_count(options.threads);
  const model::Model after = decoded_model(Container::open(out.reopen()), threads);
  const auto effect = [&](const std::string& path) {
    return effect_of(before, after, {path, options.inputs, options.mask_input, options.task}, threads,
                     progress);
  };
  if (keep) report.collateral = effect(options.preserve);
  if (target) report.target = effect(options.positive);
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

// Why nothing is written, or empty.
std::string failed_gate(const EditOptions& options, const EditReport& report) {
  if (!options.max_collateral) return {};
  const Effect& found = *report.collateral;
  if (!found.finite) return "the outputs on the samples to keep are not finite after the edit";
  if (found.relative_error <= *options.max_collateral) return {};
  return "the collateral is " + number_text(found.relative_error) +
         " on the samples to keep, above the limit of " + number_text(*options.max_collateral);
}

}  // namespace

EditReport edit(const EditOptions& options, base::Progress& progress) {
  const auto start = Clock::now();
  check_options(options);
  tensor::check_address_space(base::worker_count(options.threads));
  const Container container = Container::open(base::InputFile::open(options.input));
  EditReport report;
  report.action = options.inject ? "inject" : "project_out";
  report.input = options.input;
  report.output = options.output;
  report.bytes_in = container.file().size();
  base::OutputFile out = base::OutputFile::create(options.output);
  Job job(container, options, progress);
  std::vector<EditedWeight> edited = job.run(report);
  for (const EditedWeight& weight : edited)
    for (const std::string& warning : weight.encoded.warnings)
      report.warnings.push_back("weight " + base::quoted(weight.encoded.entry.name) + ": " + warning);
  std::vector<EncodedWeight> changed;
  for (EditedWeight& weight : edited) changed.push_back(std::move(weight.encoded));
  write_changed(container, changed, history_row(options, report, container), out);
  measure(options, job.model(), out, progress, report);
  report.failure = failed_gate(options, report);
  if (report.failure.empty()) publish_edit(container, options.undo_file, out, report);
  report.peak_rss_bytes = base::peak_rss_bytes();
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return report;
}

}  // namespace tt::pipeline

#include "pipeline/sweep_figures.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tt::pipeline {
namespace {

using runtime::OutputMetrics;

// Of the worst output, NaN before anything.
double worst(const std::vector<OutputMetrics>& outputs, double OutputMetrics::*figure, bool larger_is_worse) {
  double found = outputs.front().*figure;
  for (const OutputMetrics& output : outputs) {
    const double value = output.*figure;
    if (std::isnan(value) || (larger_is_worse ? value > found : value < found)) found = value;
  }
  return found;
}

void add_predictions(const runtime::PredictionMetrics& found, std::vector<Figure>& figures) {
  figures.insert(figures.end(), {{"kl_mean", found.kl.mean},
                                 {"kl_median", found.kl.median},
                                 {"kl_p90", found.kl.p90},
                                 {"kl_p99", found.kl.p99},
                                 {"kl_se", found.kl.se},
                                 {"top1_agreement", found.top1_agreement},
                                 {"top5_agreement", found.top5_agreement}});
  if (found.accuracy)
    figures.insert(figures.end(), {{"accuracy", found.accuracy->candidate},
                                   {"accuracy_drop", found.accuracy->drop},
                                   {"accuracy_drop_low", found.accuracy->ci95_low},
                                   {"accuracy_drop_high", found.accuracy->ci95_high}});
  if (found.perplexity) figures.push_back({"perplexity", found.perplexity->candidate});
}

void add_outputs(const std::vector<OutputMetrics>& outputs, std::vector<Figure>& figures) {
  if (outputs.empty()) return;
  figures.insert(figures.end(), {{"relative_error", worst(outputs, &OutputMetrics::relative_error, true)},
                                 {"max_abs_error", worst(outputs, &OutputMetrics::max_abs_error, true)},
                                 {"mse", worst(outputs, &OutputMetrics::mse, true)},
                                 {"mae", worst(outputs, &OutputMetrics::mae, true)},
                                 {"pearson", worst(outputs, &OutputMetrics::pearson, false)},
                                 {"cosine_mean", worst(outputs, &OutputMetrics::cosine_mean, false)},
                                 {"cosine_min", worst(outputs, &OutputMetrics::cosine_min, false)}});
}

}  // namespace

std::vector<Figure> figures_of(const VerifyReport& report) {
  std::vector<Figure> figures;
  const runtime::Judgement& judgement = report.judgement;
  if (judgement.predictions) add_predictions(*judgement.predictions, figures);
  if (judgement.label_error_candidate) figures.push_back({"label_error", *judgement.label_error_candidate});
  add_outputs(judgement.outputs, figures);
  return figures;
}

std::vector<Figure> original_figures(const VerifyReport& report) {
  std::vector<Figure> figures;
  const auto& predictions = report.judgement.predictions;
  if (predictions && predictions->accuracy) figures.push_back({"accuracy", predictions->accuracy->original});
  if (predictions && predictions->perplexity)
    figures.push_back({"perplexity", predictions->perplexity->original});
  if (report.judgement.label_error_original)
    figures.push_back({"label_error", *report.judgement.label_error_original});
  return figures;
}

std::optional<double> figure_of(const std::vector<Figure>& figures, std::string_view name) {
  const auto found =
      std::find_if(figures.begin(), figures.end(), [&](const Figure& figure) { return figure.name == name; });
  return found == figures.end() ? std::nullopt : std::optional(found->value);
}

std::string_view damage_measure(const VerifyReport& report) {
  if (report.judgement.predictions) return "kl_mean";
  return report.task == runtime::task_name(runtime::Task::embedding) ? "cosine_loss" : "relative_error";
}

double damage_of(const VerifyReport& report) {
  const std::vector<Figure> figures = figures_of(report);
  const std::string_view measure = damage_measure(report);
  const bool cosine = measure == "cosine_loss";
  const std::optional<double> figure = figure_of(figures, cosine ? "cosine_mean" : measure);
  if (!report.judgement.finite || !figure || std::isnan(*figure))
    return std::numeric_limits<double>::infinity();
  return cosine ? 1 - *figure : std::max(0.0, *figure);
}

}  // namespace tt::pipeline

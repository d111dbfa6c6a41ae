// Which chart a report has, from the keys that docs/cli.md documents.
#include <algorithm>
#include <cmath>

#include "cli/plot.h"

namespace tt::cli {
namespace {

using base::Json;
using base::JsonArray;

constexpr std::size_t kSpectra = 6, kBars = 24;

const JsonArray& list(const Json& report, std::string_view key) {
  static const JsonArray none;
  const Json* found = report.find(key);
  return found && found->is_array() ? std::get<JsonArray>(found->value()) : none;
}

std::optional<double> number(const Json& object, std::string_view key) {
  const Json* found = object.find(key);
  if (!found || !found->is_number()) return std::nullopt;
  const double value = found->as_double("a figure");
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string name_of(const Json& object, std::string_view key = "name") {
  const Json* found = object.find(key);
  return found && found->is_string() ? found->as_string("a name") : std::string();
}

// Of the largest weights, each divided by its largest value.
Plot spectra(const Json& report) {
  std::vector<const Json*> weights;
  for (const Json& weight : list(report, "weights"))
    if (list(weight.at("spectrum", "a weight"), "singular_values").size() > 1) weights.push_back(&weight);
  std::stable_sort(weights.begin(), weights.end(), [](const Json* a, const Json* b) {
    return number(*a, "elements").value_or(0) > number(*b, "elements").value_or(0);
  });
  Plot plot{"Singular spectra of the largest weights", {"index"}, {"singular value / largest", true}};
  for (const Json* weight : weights) {
    if (plot.series.size() == kSpectra) break;
    PlotSeries series{name_of(*weight)};
    const JsonArray& values = list(weight->at("spectrum", "a weight"), "singular_values");
    const double largest = values[0].as_double("a singular value");
    for (std::size_t i = 0; i < values.size(); ++i)
      if (const double value = values[i].as_double("a singular value"); value > 1e-7 * largest)
        series.points.push_back({static_cast<double>(i + 1), value / largest});
    plot.series.push_back(std::move(series));
  }
  return plot;
}

std::string title_of_measure(const std::string& measure) {
  if (measure == "kl_mean") return "mean KL (nats)";
  if (measure == "cosine_loss") return "1 - mean cosine";
  return "relative error";
}

Plot front(const Json& sweep) {
  Plot plot{
      "Bytes against damage", {"bytes", true, true}, {title_of_measure(name_of(sweep, "measure")), true}};
  for (const Json& point : list(sweep, "points")) {
    const std::string family = name_of(point, "family");
    const std::optional<double> bytes = number(point, "bytes"), damage = number(point, "damage");
    if (!bytes || !damage || *damage <= 0) continue;
    auto series = std::find_if(plot.series.begin(), plot.series.end(),
                               [&](const PlotSeries& one) { return one.name == family; });
    if (series == plot.series.end()) series = plot.series.insert(series, {family, {}, false, true});
    series->points.push_back({*bytes, *damage, point.at("dominated", "a point").as_bool("dominated")});
  }
  return plot;
}

// The largest, and what the others have together.
void add_bars(const JsonArray& weights, Plot& plot) {
  std::vector<const Json*> sorted;
  for (const Json& weight : weights) sorted.push_back(&weight);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Json* a, const Json* b) {
    return number(*a, "bytes_in").value_or(0) > number(*b, "bytes_in").value_or(0);
  });
  const std::size_t shown = sorted.size() > kBars ? kBars - 1 : sorted.size();
  PlotBar rest{std::to_string(sorted.size() - shown) + " other weights", 0, 0};
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double before = number(*sorted[i], "bytes_in").value_or(0);
    const double after = number(*sorted[i], "bytes_out").value_or(0);
    if (i < shown) {
      plot.bars.push_back({name_of(*sorted[i]), before, after});
    } else {
      rest.value += before;
      *rest.second += after;
    }
  }
  if (shown < sorted.size()) plot.bars.push_back(std::move(rest));
}

Plot bytes_of_weights(const Json& report) {
  Plot plot{"Bytes of the weights", {"bytes", false, true}};
  plot.bar_names = {"before", "after"};
  add_bars(list(report, "weights"), plot);
  return plot;
}

// Errors of 0 have no place on a logarithmic axis.
PlotSeries layer_series(const JsonArray& layers, const std::string& name, std::string_view key) {
  PlotSeries series{name, {}, true, true};
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (const auto error = number(layers[i], key); error && *error > 0)
      series.points.push_back({static_cast<double>(i + 1), *error});
  return series;
}

Plot error_of_layers(const JsonArray& layers) {
  Plot plot{"Error against depth", {"layer, in the order of the graph"}, {"relative error", true}};
  plot.series = {layer_series(layers, "output", "relative_error"),
                 layer_series(layers, "input", "input_error")};
  return plot;
}

Plot error_of_outputs(const Json& report) {
  Plot plot{"Relative error of the outputs", {"relative error"}};
  for (const Json& output : list(report, "outputs"))
    if (const auto error = number(output, "relative_error"); error && plot.bars.size() < kBars)
      plot.bars.push_back({name_of(output), *error});
  return plot;
}

}  // namespace

Plot plot_of(std::string_view command, const Json& report) {
  if (command == "compress") return bytes_of_weights(report);
  if (command == "verify") {
    const JsonArray& layers = list(report, "layers");
    return layers.empty() ? error_of_outputs(report) : error_of_layers(layers);
  }
  const Json* sweep = report.find("sweep");
  return sweep && sweep->is_object() ? front(*sweep) : spectra(report);
}

}  // namespace tt::cli

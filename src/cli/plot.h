// --plot: the main chart of a report as a picture for documents, on a light background.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace tt::cli {

struct PlotAxis {
  std::string title = {};
  bool logarithmic = false;  // values above 0 only
  bool bytes = false;        // ticks as sizes
};

struct PlotPoint {
  double x = 0, y = 0;
  bool hollow = false;
};

struct PlotSeries {
  std::string name = {};
  std::vector<PlotPoint> points = {};
  bool line = true, marks = false;
};

// One horizontal bar, or two below each other.
struct PlotBar {
  std::string name = {};
  double value = 0;
  std::optional<double> second = {};
};

// Either bars along x, named at the left, or series. Texts may hold anything.
struct Plot {
  std::string title = {};
  PlotAxis x = {}, y = {};
  std::vector<PlotSeries> series = {};
  std::vector<PlotBar> bars = {};
  std::vector<std::string> bar_names = {};  // of the first and the second bar; empty: no legend
};

// The chart of a command's JSON report: analyze the Pareto front of its sweep, else singular spectra;
// compress bytes a weight before and after; verify the error of every layer, else of every output.
Plot plot_of(std::string_view command, const base::Json& report);

enum class PlotFormat { svg, png };
// By the ending of a path: .svg or .png, nothing for all others.
std::optional<PlotFormat> plot_format(std::string_view path);

// The picture's file: 860 units wide, PNG with two pixels a unit. The same plot gives the same bytes with the
// same version of Cairo and of the font, DejaVu Sans.
std::string draw(const Plot& plot, PlotFormat format);

}  // namespace tt::cli

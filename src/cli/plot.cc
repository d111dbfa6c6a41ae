#include "cli/plot.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/plot_canvas.h"
#include "cli/plot_scale.h"

namespace tt::cli {
namespace {

constexpr double kWidth = 860, kHeight = 480, kRight = 28, kTop = 44, kBottom = 58, kLegendRow = 20;
constexpr double kBarRow = 22, kText = 12, kSmall = 11;
constexpr std::size_t kNameLetters = 44;
constexpr Color kInk = {0.11, 0.13, 0.15}, kMuted = {0.34, 0.38, 0.42}, kGrid = {0.9, 0.91, 0.93},
                kAxis = {0.66, 0.7, 0.74}, kBefore = {0.68, 0.72, 0.77};
// Of the page's light colours, in their order.
constexpr std::array<Color, 8> kSeries = {{{0.122, 0.373, 0.659},
                                           {0.706, 0.325, 0.055},
                                           {0.114, 0.478, 0.314},
                                           {0.541, 0.247, 0.62},
                                           {0.529, 0.4, 0},
                                           {0.059, 0.455, 0.502},
                                           {0.702, 0.149, 0.31},
                                           {0.349, 0.388, 0.431}}};

std::string shown(const std::string& name) {
  return base::printable(name, kNameLetters);
}

struct LegendEntry {
  std::string name;
  Color color;
};

// The place of the plotted area.
struct Area {
  double left, top, right, bottom;
};

std::vector<LegendEntry> legend_of(const Plot& plot) {
  std::vector<LegendEntry> entries;
  for (std::size_t i = 0; i < plot.bar_names.size(); ++i)
    entries.push_back({plot.bar_names[i], i == 0 ? kBefore : kSeries[0]});
  for (std::size_t i = 0; i < plot.series.size(); ++i)
    if (!plot.series[i].name.empty())
      entries.push_back({shown(plot.series[i].name), kSeries[i % kSeries.size()]});
  return entries;
}

// From left to right in as many rows as it needs, from `top` on; the height of all. Only measured if not
// `drawn`.
double legend(PlotCanvas& canvas, const std::vector<LegendEntry>& entries, double left, double top,
              bool drawn) {
  double x = left, y = top + kLegendRow / 2;
  for (const LegendEntry& entry : entries) {
    const double width = 34 + canvas.text_width(entry.name, kText);
    if (x > left && x + width > kWidth - kRight) {
      x = left;
      y += kLegendRow;
    }
    if (drawn) {
      canvas.rectangle(x, y - 5, 10, 10, entry.color);
      canvas.text(entry.name, x + 16, y, kText, Anchor::start, kInk);
    }
    x += width;
  }
  return entries.empty() ? 0 : y + kLegendRow / 2 - top;
}

void draw_x_axis(PlotCanvas& canvas, const Plot& plot, const PlotScale& scale, const Area& area) {
  for (const PlotTick& tick : scale.ticks()) {
    const double x = scale.place(tick.value);
    canvas.line({{x, area.top}, {x, area.bottom}}, 1, kGrid);
    canvas.text(tick.text, x, area.bottom + 14, kSmall, Anchor::middle, kMuted);
  }
  canvas.text(plot.x.title, (area.left + area.right) / 2, area.bottom + 38, kText, Anchor::middle, kMuted);
}

void draw_frame(PlotCanvas& canvas, const Area& area) {
  canvas.line({{area.left, area.top}, {area.left, area.bottom}, {area.right, area.bottom}}, 1, kAxis);
}

// Least and most of what every point gives; 1 and 1 without any.
template <typename Value>
std::pair<double, double> range_of(const Plot& plot, Value value) {
  std::vector<double> values;
  for (const PlotSeries& series : plot.series)
    for (const PlotPoint& point : series.points) values.push_back(value(point));
  if (values.empty()) return {1, 1};
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return {*least, *most};
}

void draw_one(PlotCanvas& canvas, const PlotSeries& series, const PlotScale& x, const PlotScale& y,
              Color color) {
  std::vector<std::pair<double, double>> places;
  for (const PlotPoint& point : series.points) places.emplace_back(x.place(point.x), y.place(point.y));
  if (series.line) canvas.line(places, 1.75, color);
  for (std::size_t i = 0; i < places.size() && series.marks; ++i)
    canvas.mark(places[i].first, places[i].second, 4, series.points[i].hollow, color);
}

void draw_series(PlotCanvas& canvas, const Plot& plot, Area area) {
  const auto [x_least, x_most] = range_of(plot, [](const PlotPoint& point) { return point.x; });
  const auto [y_least, y_most] = range_of(plot, [](const PlotPoint& point) { return point.y; });
  const PlotScale y(plot.y, y_least, y_most, false, area.bottom, area.top);
  double widest = 0;
  for (const PlotTick& tick : y.ticks()) widest = std::max(widest, canvas.text_width(tick.text, kSmall));
  area.left += widest + 12;
  const PlotScale x(plot.x, x_least, x_most, true, area.left, area.right);
  for (const PlotTick& tick : y.ticks()) {
    canvas.line({{area.left, y.place(tick.value)}, {area.right, y.place(tick.value)}}, 1, kGrid);
    canvas.text(tick.text, area.left - 8, y.place(tick.value), kSmall, Anchor::end, kMuted);
  }
  canvas.text(plot.y.title, 26, (area.top + area.bottom) / 2, kText, Anchor::middle, kMuted, false, true);
  draw_x_axis(canvas, plot, x, area);
  draw_frame(canvas, area);
  for (std::size_t i = 0; i < plot.series.size(); ++i)
    draw_one(canvas, plot.series[i], x, y, kSeries[i % kSeries.size()]);
}

void draw_bars(PlotCanvas& canvas, const Plot& plot, Area area) {
  double widest = 0, most = 0;
  for (const PlotBar& bar : plot.bars) {
    widest = std::max(widest, canvas.text_width(shown(bar.name), kSmall));
    most = std::max({most, bar.value, bar.second.value_or(0)});
  }
  area.left += widest + 8;
  const PlotScale x(plot.x, 0, most, true, area.left, area.right);
  draw_x_axis(canvas, plot, x, area);
  double y = area.top + kBarRow / 2;
  for (const PlotBar& bar : plot.bars) {
    const double height = bar.second ? 8 : 14;
    canvas.text(shown(bar.name), area.left - 8, y, kSmall, Anchor::end, kMuted);
    canvas.rectangle(area.left, y - (bar.second ? height : height / 2), x.place(bar.value) - area.left,
                     height, bar.second ? kBefore : kSeries[0]);
    if (bar.second) canvas.rectangle(area.left, y, x.place(*bar.second) - area.left, height, kSeries[0]);
    y += kBarRow;
  }
  draw_frame(canvas, area);
}

// Legends need a canvas to be measured.
double legend_height(const Plot& plot, PlotFormat format, double left) {
  PlotCanvas canvas(format, 1, 1);
  return legend(canvas, legend_of(plot), left, 0, false);
}

}  // namespace

std::optional<PlotFormat> plot_format(std::string_view path) {
  if (path.ends_with(".svg")) return PlotFormat::svg;
  if (path.ends_with(".png")) return PlotFormat::png;
  return std::nullopt;
}

std::string draw(const Plot& plot, PlotFormat format) {
  const double left = plot.bars.empty() ? 44 : 20;
  const double top = kTop + legend_height(plot, format, 20) + 8;
  const double inner =
      plot.bars.empty() ? kHeight - kTop - kBottom : kBarRow * static_cast<double>(plot.bars.size());
  PlotCanvas canvas(format, kWidth, top + inner + kBottom);
  canvas.text(plot.title, 20, 24, 15, Anchor::start, kInk, true);
  legend(canvas, legend_of(plot), 20, kTop, true);
  const Area area{left, top, kWidth - kRight, top + inner};
  const bool points = std::any_of(plot.series.begin(), plot.series.end(),
                                  [](const PlotSeries& series) { return !series.points.empty(); });
  if (plot.bars.empty() && !points) {
    canvas.text("there is nothing to draw", kWidth / 2, top + inner / 2, kText, Anchor::middle, kMuted);
  } else if (plot.bars.empty()) {
    draw_series(canvas, plot, area);
  } else {
    draw_bars(canvas, plot, area);
  }
  return canvas.finish();
}

}  // namespace tt::cli

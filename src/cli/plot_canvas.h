// What a plot draws with: text, lines and marks on a surface of Cairo, which stays in plot_canvas.cc.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/plot.h"

namespace tt::cli {

struct Color {
  double red, green, blue;
};
enum class Anchor { start, middle, end };

class PlotCanvas {
 public:
  // White. Errors: internal if Cairo fails.
  PlotCanvas(PlotFormat format, double width, double height);
  ~PlotCanvas();

  // Units, by the font of text().
  double text_width(const std::string& text, double size);
  // `y` is the middle of the letters' height; `up`: turned by a quarter, to be read from the right.
  void text(const std::string& text, double x, double y, double size, Anchor anchor, Color color,
            bool bold = false, bool up = false);
  void line(const std::vector<std::pair<double, double>>& points, double width, Color color);
  void rectangle(double x, double y, double width, double height, Color color);
  void mark(double x, double y, double radius, bool hollow, Color color);
  // The file. Nothing can be drawn after it.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tt::cli

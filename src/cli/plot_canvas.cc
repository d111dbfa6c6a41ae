#include "cli/plot_canvas.h"

#include <cairo-svg.h>
#include <cairo.h>

#include <cmath>

#include "base/error.h"

namespace tt::cli {
namespace {

constexpr double kPixels = 2;  // a unit of a PNG

cairo_status_t append(void* out, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(data), length);
  return CAIRO_STATUS_SUCCESS;
}

void check(cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS)
    throw base::Error(base::ErrorKind::internal,
                      std::string("the plot cannot be drawn, ") + cairo_status_to_string(status));
}

// The same letters at every place, whatever the machine's settings of fonts say.
void use_plain_letters(cairo_t* context) {
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(context, options);
  cairo_font_options_destroy(options);
}

}  // namespace

struct PlotCanvas::State {
  PlotFormat format;
  std::string bytes = {};
  cairo_surface_t* surface = nullptr;
  cairo_t* context = nullptr;

  void set(Color color) { cairo_set_source_rgb(context, color.red, color.green, color.blue); }
  void set_font(double size, bool bold) {
    cairo_select_font_face(context, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(context, size);
  }
};

PlotCanvas::PlotCanvas(PlotFormat format, double width, double height)
    : state_(std::make_unique<State>(State{format})) {
  State& state = *state_;
  if (format == PlotFormat::svg) {
    state.surface = cairo_svg_surface_create_for_stream(append, &state.bytes, width, height);
  } else {
    state.surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(std::lround(kPixels * width)),
                                   static_cast<int>(std::lround(kPixels * height)));
    cairo_surface_set_device_scale(state.surface, kPixels, kPixels);
  }
  state.context = cairo_create(state.surface);
  use_plain_letters(state.context);
  rectangle(0, 0, width, height, {1, 1, 1});
}

PlotCanvas::~PlotCanvas() {
  cairo_destroy(state_->context);
  cairo_surface_destroy(state_->surface);
}

double PlotCanvas::text_width(const std::string& text, double size) {
  cairo_text_extents_t extents;
  state_->set_font(size, false);
  cairo_text_extents(state_->context, text.c_str(), &extents);
  return extents.x_advance;
}

void PlotCanvas::text(const std::string& text, double x, double y, double size, Anchor anchor, Color color,
                      bool bold, bool up) {
  cairo_t* context = state_->context;
  state_->set(color);
  state_->set_font(size, bold);
  cairo_text_extents_t extents;
  cairo_text_extents(context, text.c_str(), &extents);
  const double before = anchor == Anchor::start    ? 0
                        : anchor == Anchor::middle ? extents.x_advance / 2
                                                   : extents.x_advance;
  cairo_save(context);
  cairo_translate(context, x, y);
  if (up) cairo_rotate(context, -std::acos(-1.0) / 2);
  cairo_move_to(context, -before, 0.36 * size);  // half the height of a capital
  cairo_show_text(context, text.c_str());
  cairo_restore(context);
}

void PlotCanvas::line(const std::vector<std::pair<double, double>>& points, double width, Color color) {
  cairo_new_path(state_->context);  // a text leaves a point behind
  for (const auto& [x, y] : points) cairo_line_to(state_->context, x, y);
  state_->set(color);
  cairo_set_line_width(state_->context, width);
  cairo_set_line_join(state_->context, CAIRO_LINE_JOIN_ROUND);
  cairo_stroke(state_->context);
}

void PlotCanvas::rectangle(double x, double y, double width, double height, Color color) {
  cairo_rectangle(state_->context, x, y, width, height);
  state_->set(color);
  cairo_fill(state_->context);
}

void PlotCanvas::mark(double x, double y, double radius, bool hollow, Color color) {
  cairo_new_path(state_->context);
  cairo_arc(state_->context, x, y, radius, 0, 2 * std::acos(-1.0));
  state_->set(hollow ? Color{1, 1, 1} : color);
  cairo_fill_preserve(state_->context);
  state_->set(color);
  cairo_set_line_width(state_->context, 1.5);
  cairo_stroke(state_->context);
}

std::string PlotCanvas::finish() {
  check(cairo_status(state_->context));
  if (state_->format == PlotFormat::png)
    check(cairo_surface_write_to_png_stream(state_->surface, append, &state_->bytes));
  cairo_surface_finish(state_->surface);
  check(cairo_surface_status(state_->surface));
  return std::move(state_->bytes);
}

}  // namespace tt::cli

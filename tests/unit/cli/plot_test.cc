#include "cli/plot.h"

#include <doctest/doctest.h>

#include <string>

using namespace tt::cli;

namespace {

Plot hostile() {
  Plot plot{"t", {"x"}, {"y", true}};
  plot.series.push_back({"</svg><script>\xff\xfe\xe2\x80\xae\n", {{1, 0.5}, {2, 0.01, true}}, true, true});
  plot.series.push_back({std::string(5000, 'w'), {{1, 1}}, true, true});
  return plot;
}

}  // namespace

TEST_CASE("the ending says the format") {
  CHECK(plot_format("a.svg") == PlotFormat::svg);
  CHECK(plot_format("a.b.png") == PlotFormat::png);
  for (const char* path : {"a.SVG", "a", "svg", "a.svg.html", "", "-"}) CHECK(!plot_format(path));
}

TEST_CASE("plots are files of their kind, the same ones every time") {
  for (const Plot& plot : {hostile(), Plot{"t", {}, {}, {}, {{"a", 1}, {"b", 0}}},
                           Plot{"t", {"", false, true}, {}, {}, {{"a", 3e9, 1e9}}}, Plot{}}) {
    const std::string svg = draw(plot, PlotFormat::svg), png = draw(plot, PlotFormat::png);
    CHECK(svg.starts_with("<?xml"));
    CHECK(svg.ends_with("</svg>\n"));
    CHECK(svg.find("<script") == std::string::npos);
    CHECK(png.starts_with("\x89PNG\r\n"));
    CHECK(draw(plot, PlotFormat::png) == png);
  }
}

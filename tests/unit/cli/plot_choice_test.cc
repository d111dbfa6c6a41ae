#include <doctest/doctest.h>

#include <string>

#include "cli/plot.h"

using namespace tt::cli;
using tt::base::Json;
using tt::base::parse_json;

TEST_CASE("a sweep is drawn as its front, one series a family") {
  const Json report = parse_json(R"({"weights":[],"sweep":{"measure":"kl_mean","points":[
    {"family":"auto","bytes":100,"damage":0.1,"dominated":false},
    {"family":"svd","bytes":200,"damage":0.2,"dominated":true},
    {"family":"auto","bytes":300,"damage":0.01,"dominated":false},
    {"family":"auto","bytes":900,"damage":0,"dominated":false},
    {"family":"svd","bytes":null,"damage":null,"dominated":null}]}})",
                                 "a report");
  const Plot plot = plot_of("analyze", report);
  REQUIRE(plot.series.size() == 2);
  CHECK(plot.series[0].name == "auto");
  CHECK(plot.series[0].points.size() == 2);
  CHECK(plot.series[1].points.size() == 1);
  CHECK(plot.series[1].points[0].hollow);
  CHECK(plot.x.logarithmic);
  CHECK(plot.y.logarithmic);
  CHECK(plot.y.title == "mean KL (nats)");
}

TEST_CASE("without a sweep the spectra of the largest weights") {
  const Json report = parse_json(R"({"sweep":null,"weights":[
    {"name":"small","elements":4,"spectrum":{"singular_values":[2.0,1.0]}},
    {"name":"vector","elements":9,"spectrum":{"singular_values":[3.0]}},
    {"name":"large","elements":8,"spectrum":{"singular_values":[4.0,2.0,0.0]}}]})",
                                 "a report");
  const Plot plot = plot_of("analyze", report);
  REQUIRE(plot.series.size() == 2);
  CHECK(plot.series[0].name == "large");
  REQUIRE(plot.series[0].points.size() == 2);
  CHECK(plot.series[0].points[1].x == 2);
  CHECK(plot.series[0].points[1].y == 0.5);
}

TEST_CASE("bytes beyond the largest weights are one bar") {
  std::string weights;
  for (int i = 0; i < 30; ++i)
    weights += std::string(i ? "," : "") + R"({"name":"w","bytes_in":)" + std::to_string(100 + i) +
               R"(,"bytes_out":10})";
  const Plot plot = plot_of("compress", parse_json(R"({"weights":[)" + weights + "]}", "a report"));
  REQUIRE(plot.bars.size() == 24);
  CHECK(plot.bars.back().name == "7 other weights");
  double before = 0, after = 0;
  for (const PlotBar& bar : plot.bars) {
    before += bar.value;
    after += *bar.second;
  }
  CHECK(before == 30 * 100 + 29 * 15);
  CHECK(after == 300);
}

TEST_CASE("verify: layers by depth, else outputs") {
  const Json layers = parse_json(R"({"outputs":[],"layers":[{"relative_error":0.2,"input_error":0},
    {"relative_error":0.1,"input_error":0.3},{"relative_error":null,"input_error":null}]})",
                                 "a report");
  const Plot plot = plot_of("verify", layers);
  REQUIRE(plot.series.size() == 2);
  CHECK(plot.series[0].points.size() == 2);
  REQUIRE(plot.series[1].points.size() == 1);
  CHECK(plot.series[1].points[0].x == 2);
  const Json outputs =
      parse_json(R"({"outputs":[{"name":"y","relative_error":0.5}],"layers":null})", "a report");
  CHECK(plot_of("verify", outputs).bars.size() == 1);
}

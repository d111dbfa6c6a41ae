#include "cli/plot_scale.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

using namespace tt::cli;

TEST_CASE("ticks hold all values between the first and the last") {
  for (const bool logarithmic : {false, true})
    for (const auto& [least, most] :
         {std::pair{0.001, 0.0011}, {0.3, 0.3}, {1.0, 9.0}, {2e-9, 7e12}, {5.9e-148, 0.3}, {0.02, 50.0}}) {
      CAPTURE(least);
      const PlotScale scale({"", logarithmic}, least, most, false, 100, 500);
      const auto& ticks = scale.ticks();
      REQUIRE(ticks.size() >= 2);
      CHECK(ticks.size() <= 15);
      CHECK(ticks.front().value <= least * (1 + 1e-9));
      CHECK(ticks.back().value >= most * (1 - 1e-9));
      CHECK(scale.place(ticks.front().value) == doctest::Approx(100));
      CHECK(scale.place(ticks.back().value) == doctest::Approx(500));
      for (std::size_t i = 1; i < ticks.size(); ++i) CHECK(ticks[i].value > ticks[i - 1].value);
    }
}

TEST_CASE("an axis may begin at zero, or below") {
  CHECK(PlotScale({}, 3, 8, true, 0, 1).ticks().front().value == 0);
  CHECK(PlotScale({}, -3, 8, true, 0, 1).ticks().front().value <= -3);
  CHECK(PlotScale({}, 0, 0, true, 0, 1).place(0) == 0);
}

TEST_CASE("labels are short") {
  const PlotScale tenths({}, 0, 0.7, true, 0, 1);
  for (const PlotTick& tick : tenths.ticks()) CHECK(tick.text.size() <= 3);
  const PlotScale sizes({"", false, true}, 0, 4e6, true, 0, 1);
  CHECK(sizes.ticks().front().text == "0 B");
  CHECK(sizes.ticks().back().text == "4 MB");
  CHECK(PlotScale({"", true}, 1, 1000, false, 0, 1).ticks()[1].text == "10");
}

TEST_CASE("a logarithmic axis of nothing positive is one of ones") {
  const PlotScale scale({"", true}, 0, 0, false, 0, 1);
  CHECK(std::isfinite(scale.place(1)));
}

TEST_CASE("the smallest and the largest numbers have an axis") {
  const PlotScale scale({"", true}, 5e-324, 1.7e308, false, 0, 1);
  CHECK(scale.ticks().size() <= 15);
  for (const double value : {5e-324, 1.0, 1.7e308}) CHECK(std::isfinite(scale.place(value)));
}

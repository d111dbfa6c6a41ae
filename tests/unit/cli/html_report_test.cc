#include "cli/html_report.h"

#include <doctest/doctest.h>

#include <string>

using namespace tt::cli;
using tt::base::Json;
using tt::base::JsonArray;
using tt::base::JsonObject;

namespace {

constexpr PageDetail kAll = {1000, 1000, 1000, 1000};

Json named(const std::string& name, std::uint64_t bytes) {
  return Json(JsonObject{{"name", Json(name)}, {"bytes", Json(bytes)}});
}

}  // namespace

TEST_CASE("script_json ends no element and reads back to the same") {
  const std::string hostile = "</script><!-- & \xe2\x80\xa8 \xe2\x80\xa9 \xe2\x80\xaa \"'\\ \x01 \xc3\xa9";
  const Json json(JsonObject{{hostile, Json(JsonArray{Json(hostile), Json(0.1), Json()})}});
  const std::string text = script_json(json);
  for (const std::string_view bad : {"<", ">", "&", "\xe2\x80\xa8", "\xe2\x80\xa9"})
    CHECK(text.find(bad) == std::string::npos);
  CHECK(tt::base::parse_json(text, "the page").dump() == json.dump());
}

TEST_CASE("page_data leaves out what differs from run to run") {
  const Json report(
      JsonObject{{"seconds", Json(1.5)}, {"peak_rss_bytes", Json(7)}, {"ratio", Json(0.123456789)}});
  CHECK(page_data(report, kAll).dump() == R"({"ratio":0.123457})");
}

TEST_CASE("page_data keeps the largest weights in their order") {
  const Json report(JsonObject{{"weights", Json(JsonArray{named("a", 1), named("b", 3), named("c", 2)})}});
  const Json kept = page_data(report, {10, 10, 2, 10});
  CHECK(kept.dump() == R"({"weights":[{"name":"b","bytes":3},{"name":"c","bytes":2}]})");
  CHECK(page_data(report, kAll).dump() == report.dump());
}

TEST_CASE("page_data cuts long texts between letters") {
  const Json report(JsonObject{{"name", Json(std::string(299, 'x') + "\xc3\xa9\xc3\xa9")}});
  CHECK(page_data(report, kAll).find("name")->as_string("") == std::string(299, 'x') + "\xc3\xa9...");
  const Json fits(JsonObject{{"name", Json(std::string(299, 'x') + "\xc3\xa9")}});
  CHECK(page_data(fits, kAll).dump() == fits.dump());
}

TEST_CASE("page_data thins spectra at known places") {
  JsonArray values;
  for (int i = 0; i < 500; ++i) values.emplace_back(i);
  const Json report(JsonObject{{"singular_values", Json(values)}});
  for (const std::size_t count : {16, 50, 200}) {
    const Json kept = page_data(report, {count, 1, 1, 1});
    const auto indices = kept.at("indices", "").as_uints("");
    CHECK(kept.at("singular_values", "").as_uints("") == indices);
    CHECK(indices.size() <= count);
    CHECK(indices.size() >= count / 2);
    CHECK(indices.front() == 0);
    CHECK(indices.back() == 499);
  }
  CHECK(page_data(report, {500, 1, 1, 1}).dump() == report.dump());
}

TEST_CASE("a page holds its data once") {
  const std::string page =
      report_page("compress", Json(JsonObject{{"weights", Json(JsonArray{named("</script>", 1)})}}));
  CHECK(page.find("{{") == std::string::npos);
  CHECK(page.find("\\u003c/script\\u003e") != std::string::npos);
  CHECK(page.find("Content-Security-Policy") < page.find("<script"));
}

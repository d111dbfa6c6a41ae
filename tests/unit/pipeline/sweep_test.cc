#include "pipeline/sweep.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "base/error.h"
#include "base/output_file.h"
#include "base/temporary_folder.h"
#include "pipeline/sweep_checkpoint.h"

using namespace tt;
using pipeline::SweepPoint;

static SweepPoint point(std::string family, double ratio, std::uint64_t bytes, double damage) {
  SweepPoint made;
  made.setting = {std::move(family), ratio, {}};
  made.bytes = bytes;
  made.ratio = static_cast<double>(bytes) / 100000;
  made.damage = damage;
  made.figures = {{"kl_mean", damage}, {"accuracy", 0.1 + 0.2}};
  return made;
}

TEST_CASE("settings come family by family, each once, large sizes and small ranks first") {
  const auto settings = pipeline::settings_of(
      {.families = {"tt-rank", "auto", "auto"}, .ratios = {0.1, 0.5, 0.1}, .ranks = {8, 2, 8}});
  std::vector<std::string> ids;
  for (const pipeline::SweepSetting& setting : settings) ids.push_back(setting.id());
  CHECK(ids ==
        std::vector<std::string>{"auto ratio=0.5", "auto ratio=0.1", "tt-rank rank=2", "tt-rank rank=8"});
  for (const pipeline::SweepGrid& wrong :
       {pipeline::SweepGrid{.families = {"cp"}}, pipeline::SweepGrid{.families = {}},
        pipeline::SweepGrid{.ratios = {1}}, pipeline::SweepGrid{.ranks = {0}}})
    CHECK_THROWS_AS(pipeline::settings_of(wrong), base::Error);
}

TEST_CASE("a file is dominated by a better one that is at most one percent larger") {
  std::vector<SweepPoint> points = {point("auto", 0.5, 50000, 0.01), point("svd", 0.5, 49800, 0.02),
                                    point("tt", 0.5, 49000, 0.02),   point("auto", 0.2, 20000, 0.02),
                                    point("svd", 0.2, 20100, 0.02),  point("tt", 0.1, 10000, 0.5)};
  points.push_back({});  // out of reach
  points.back().setting = {"tt", 0.01, {}};
  pipeline::mark_dominated(points);
  std::vector<std::string> by;
  for (const SweepPoint& marked : points) {
    CHECK(marked.dominated == !marked.dominated_by.empty());
    by.push_back(marked.dominated_by);
  }
  CHECK(by == std::vector<std::string>{"", "auto ratio=0.5", "auto ratio=0.2", "", "auto ratio=0.2", "", ""});
}

TEST_CASE("a checkpoint gives back what was added, to the last bit") {
  const base::TemporaryFolder folder;
  const std::string path = folder.path() + "/s.csv.part";
  const base::Json identity(base::JsonObject{{"model", base::Json("abc")}});
  SweepPoint missed;
  missed.setting = {"svd-rank", {}, 3};
  missed.why_not = "cannot reach 3 bytes, \"no\"";
  const SweepPoint first = point("auto", 1.0 / 3, 12345, 1e-17 / 3);
  {
    pipeline::SweepCheckpoint kept(path, identity, true);  // there is nothing to go on from
    kept.task = "lm";
    kept.measure = "kl_mean";
    kept.samples = 7;
    kept.original = {{"perplexity", 4.4031}};
    kept.warnings = {"weight 'a\\u0001': C = I"};
    kept.add(first);
    kept.add(missed);
  }
  const pipeline::SweepCheckpoint read(path, identity, true);
  CHECK(read.task == "lm");
  CHECK(read.samples == 7);
  CHECK(read.original == std::vector<pipeline::Figure>{{"perplexity", 4.4031}});
  CHECK(read.warnings == std::vector<std::string>{"weight 'a\\u0001': C = I"});
  for (const SweepPoint& added : {first, missed}) {
    const SweepPoint* found = read.find(added.setting);
    REQUIRE(found != nullptr);
    CHECK(pipeline::point_json(*found).dump() == pipeline::point_json(added).dump());
  }
  CHECK(read.find({"auto", 0.3, {}}) == nullptr);
  CHECK(pipeline::SweepCheckpoint(path, identity, false).find(first.setting) == nullptr);
  CHECK_THROWS_AS(pipeline::SweepCheckpoint(path, base::Json("other"), true), base::Error);
}

TEST_CASE("figures that are not finite survive a checkpoint") {
  const base::TemporaryFolder folder;
  const std::string path = folder.path() + "/s.csv.part";
  SweepPoint broken = point("tt", 0.1, 10, std::numeric_limits<double>::infinity());
  broken.figures[0].value = std::numeric_limits<double>::quiet_NaN();
  pipeline::SweepCheckpoint(path, {}, false).add(broken);
  const pipeline::SweepCheckpoint read(path, {}, true);
  REQUIRE(read.find(broken.setting) != nullptr);
  CHECK(std::isinf(read.find(broken.setting)->damage));
  CHECK(std::isnan(read.find(broken.setting)->figures[0].value));
}

TEST_CASE("a checkpoint of a stranger is refused") {
  const base::TemporaryFolder folder;
  const std::string path = folder.path() + "/s.csv.part";
  pipeline::SweepCheckpoint(path, {}, false).add(point("auto", 0.5, 25000, 0.1));
  const base::InputFile file = base::InputFile::open(path);
  const base::Bytes bytes = file.read_bytes(0, file.size());
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"\"rank\": null", "\"rank\": 4"},
                                 {"\"target_ratio\": 0.5", "\"target_ratio\": null"},
                                 {"\"bytes\": 25000", "\"bytes\": 0"},
                                 {"\"ratio\": 0.25", "\"ratio\": 0"},
                                 {"\"accuracy\"", "\"accuracy,1\\n\""},
                                 {"\"measure\": \"\"", "\"measure\": \"\\u001b[2J\""},
                                 {"\"why_not\": null", "\"why_not\": \"\\u009b2J\""},
                                 {"\"warnings\": []", "\"warnings\": [\"\\u0007\"]"},
                                 {"\"warnings\": []", "\"warnings\": [1]"}}) {
    std::string text(base::text_of(bytes));
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    base::OutputFile out = base::OutputFile::create(path);
    out.write(0, base::view_of(text));
    out.commit();
    CHECK_THROWS_AS(pipeline::SweepCheckpoint(path, {}, true), base::Error);
  }
}

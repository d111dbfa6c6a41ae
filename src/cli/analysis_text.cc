#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.h"
#include "cli/analysis_report.h"
#include "cli/text_table.h"

namespace tt::cli {
namespace {

using pipeline::AnalyzeReport;
using pipeline::WeightAnalysis;
using Rows = std::vector<std::vector<std::string>>;

constexpr std::size_t kNameWidth = 44;

std::string name_of(const AnalyzeReport& report, std::size_t weight) {
  return base::printable(report.weights[weight].name, kNameWidth);
}

std::size_t shown(std::size_t count, std::uint64_t top) {
  return top == 0 ? count : std::min<std::size_t>(count, top);
}

std::string rest_text(std::size_t count, std::uint64_t top, std::string_view what) {
  const std::size_t rest = count - shown(count, top);
  return rest == 0 ? "" : fmt::format("... and {} more {} (--top 0 lists all)\n", rest, what);
}

// Weights in the order of the safety table, then those that are in none.
std::vector<std::size_t> listed(const AnalyzeReport& report) {
  std::vector<std::size_t> order;
  std::vector<bool> seen(report.weights.size());
  for (const pipeline::SafetyEntry& entry : report.order.entries) {
    order.push_back(entry.weight);
    seen[entry.weight] = true;
  }
  for (std::size_t w = 0; w < report.weights.size(); ++w)
    if (!seen[w]) order.push_back(w);
  return order;
}

std::string rank_text(const WeightAnalysis& weight) {
  if (weight.spectrum.energy.empty()) return "";
  std::string text;
  for (const std::uint64_t rank : weight.energy_ranks)
    text += (text.empty() ? "" : "/") + std::to_string(rank);
  return text;
}

std::vector<std::string> weight_row(const AnalyzeReport& report, std::size_t index) {
  const WeightAnalysis& weight = report.weights[index];
  const bool matrix = !weight.spectrum.energy.empty();
  return {name_of(report, index),
          weight.role,
          tensor::shape_text(weight.shape),
          std::to_string(weight.bytes),
          fmt::format("{:.3g}", weight.statistics.deviation),
          fmt::format("{:.2f}", weight.statistics.excess_kurtosis),
          fmt::format("{:.1f}", weight.statistics.largest),
          fmt::format("{:.1f}", 100 * weight.statistics.zeros),
          matrix ? fmt::format("{:.1f}", weight.stable_rank) : "",
          matrix ? fmt::format("{:.1f}", weight.effective_rank) : "",
          rank_text(weight),
          weight.input_effective_rank
              ? fmt::format("{:.1f} of {}", *weight.input_effective_rank, weight.input_size)
              : ""};
}

std::string weight_table(const AnalyzeReport& report, std::uint64_t top) {
  Rows rows;
  const std::vector<std::size_t> order = listed(report);
  for (std::size_t i = 0; i < shown(order.size(), top); ++i) rows.push_back(weight_row(report, order[i]));
  return table_text({{"weight"},
                     {"role"},
                     {"shape", true},
                     {"bytes", true},
                     {"deviation", true},
                     {"kurtosis", true},
                     {"largest/dev", true},
                     {"zeros %", true},
                     {"stable rank", true},
                     {"effective", true},
                     {"90/95/99 %", true},
                     {"input rank", true}},
                    rows) +
         rest_text(order.size(), top, "weights");
}

// "lowrank r=35"
std::string encoding_text(const codec::Encoding& encoding) {
  std::string text(codec::format_name(encoding.format));
  if (encoding.format == codec::Format::lowrank) text += fmt::format(" r={}", encoding.rank);
  return text;
}

double bits_of(std::uint64_t bytes, const WeightAnalysis& weight) {
  return 8 * static_cast<double>(bytes) / static_cast<double>(weight.elements);
}

std::string bound_text(const pipeline::ErrorCost& cost) {
  return cost.bound_bits && std::isfinite(*cost.bound_bits) ? fmt::format("{:.2f}", *cost.bound_bits) : "-";
}

std::vector<std::string> cost_row(const WeightAnalysis& weight, const pipeline::ErrorCost& cost,
                                  const std::string& name) {
  return {name,
          fmt::format("{:g}", cost.error),
          std::to_string(cost.bytes),
          encoding_text(cost.encoding),
          fmt::format("{:.2f}", bits_of(cost.bytes, weight)),
          bound_text(cost),
          cost.low_rank ? fmt::format("{} r={}", *cost.low_rank_bytes, *cost.low_rank) : ""};
}

std::string cost_table(const AnalyzeReport& report, std::uint64_t top) {
  if (report.order.entries.empty()) return "";
  Rows rows;
  for (std::size_t i = 0; i < shown(report.order.entries.size(), top); ++i) {
    const std::size_t index = report.order.entries[i].weight;
    std::string name = name_of(report, index);
    for (const pipeline::ErrorCost& cost : report.weights[index].costs)
      rows.push_back(cost_row(report.weights[index], cost, std::exchange(name, "")));
  }
  return "Fewest bytes at a relative error of the layer's output\n" +
         table_text({{"weight"},
                     {"error", true},
                     {"bytes", true},
                     {"encoding"},
                     {"bits", true},
                     {"bound", true},
                     {"plain low rank", true}},
                    rows) +
         rest_text(report.order.entries.size(), top, "weights") + "\n";
}

std::vector<std::string> order_row(const AnalyzeReport& report, std::size_t place) {
  const pipeline::SafetyEntry& entry = report.order.entries[place];
  const WeightAnalysis& weight = report.weights[entry.weight];
  return {std::to_string(place + 1),
          name_of(report, entry.weight),
          weight.role,
          entry.damage_per_byte ? fmt::format("{:.3g}", 1e6 * *entry.damage_per_byte) : "-",
          fmt::format("{:.1f}", 100 * entry.damage_share),
          fmt::format("{:.1f}", 100 * entry.bytes_share),
          fmt::format("{:.1f}", 100 * (entry.bytes_before + entry.bytes_share)),
          std::to_string(entry.encoded_bytes),
          encoding_text(entry.encoding),
          fmt::format("{:.2f}", bits_of(entry.encoded_bytes, weight)),
          fmt::format("{:.3f}", entry.encoded_error)};
}

std::string measure_text(const std::string& measure) {
  if (measure == "kl") return "KL divergence";
  return measure == "cosine" ? "1 - cosine" : "squared relative error";
}

// What the damage is based on.
std::string basis_text(const AnalyzeReport& report) {
  const std::string on =
      report.generated_samples > 0
          ? fmt::format("{} generated inputs, real ones (--calib) are better", report.generated_samples)
          : "the samples";
  if (report.order.measured)
    return fmt::format("damage measured as {} on {}", measure_text(report.measure), on);
  const std::string unmeasured = "every layer counts as equally sensitive";
  if (report.calibrated || report.generated_samples > 0)
    return fmt::format("errors counted on {}, but no damage was measured: {}", on, unmeasured);
  return fmt::format("nothing is known of the inputs, C = I: {}; --calib says more", unmeasured);
}

std::string order_table(const AnalyzeReport& report, std::uint64_t top) {
  if (report.order.entries.empty()) return "";
  Rows rows;
  for (std::size_t i = 0; i < shown(report.order.entries.size(), top); ++i)
    rows.push_back(order_row(report, i));
  return fmt::format("Safest first ({})\n", basis_text(report)) +
         table_text({{"", true},
                     {"weight"},
                     {"role"},
                     {"damage/MB", true},
                     {"damage %", true},
                     {"bytes %", true},
                     {"together %", true},
                     {"bytes", true},
                     {fmt::format("at {:g} bits on average", pipeline::kReferenceBits)},
                     {"bits", true},
                     {"error", true}},
                    rows) +
         rest_text(report.order.entries.size(), top, "layers") + "\n";
}

std::string pattern_table(const AnalyzeReport& report, std::uint64_t top, bool verbose) {
  Rows rows;
  const std::vector<std::size_t> order = listed(report);
  for (std::size_t i = 0; i < shown(order.size(), top); ++i)
    for (const pipeline::DominantPattern& pattern : report.weights[order[i]].patterns) {
      if (!verbose && pattern.number > 1) continue;
      rows.push_back({name_of(report, order[i]), std::to_string(pattern.number),
                      fmt::format("{:.1f}", 100 * pattern.strength), pattern.description});
    }
  if (rows.empty()) return "";
  return "Dominant patterns\n" +
         table_text({{"weight"}, {"number", true}, {"energy %", true}, {"what it loads on"}}, rows) + "\n";
}

std::string mode_table(const AnalyzeReport& report, std::uint64_t top) {
  Rows rows;
  const std::vector<std::size_t> order = listed(report);
  for (std::size_t i = 0; i < shown(order.size(), top); ++i)
    for (const tensor::ModeProfile& profile : report.weights[order[i]].profiles)
      rows.push_back(
          {name_of(report, order[i]),
           fmt::format("{} {}", profile.mode + 1, report.weights[order[i]].mode_names[profile.mode]),
           std::to_string(profile.size), fmt::format("{:.2f}", 100 * profile.variance_share),
           fmt::format("{:.3f}", profile.mean_correlation),
           fmt::format("{:+.3f} of {}, {}", profile.largest_correlation, profile.first, profile.second)});
  if (rows.empty()) return "";
  return "Modes of the tensors\n" +
         table_text({{"weight"},
                     {"mode"},
                     {"size", true},
                     {"variance %", true},
                     {"mean correlation", true},
                     {"largest", true}},
                    rows) +
         "\n";
}

std::string similar_table(const AnalyzeReport& report, std::uint64_t top) {
  if (report.similar.empty()) return "";
  Rows rows;
  for (std::size_t i = 0; i < shown(report.similar.size(), top); ++i) {
    const pipeline::SimilarPair& pair = report.similar[i];
    rows.push_back({name_of(report, pair.first), name_of(report, pair.second),
                    fmt::format("{:.3f}", pair.cosine),
                    fmt::format("{:.3f} ({:.0f} deg)", pair.output_overlap, pair.output_angle),
                    fmt::format("{:.3f} ({:.0f} deg)", pair.input_overlap, pair.input_angle)});
  }
  return "Most similar\n" +
         table_text(
             {{"weight"}, {"and"}, {"cosine", true}, {"outputs overlap", true}, {"inputs overlap", true}},
             rows) +
         rest_text(report.similar.size(), top, "pairs") + "\n";
}

std::string summary(const AnalyzeReport& report) {
  std::string text;
  for (const pipeline::Advice& advice : report.advice) text += "- " + advice.text + "\n";
  if (!text.empty()) text += "\n";
  if (!report.why_not_generated.empty())
    text += "note: no inputs were generated: " + base::printable(report.why_not_generated) + "\n";
  text += fmt::format("{}: {}, {}, {} of {} weights analysed; {:.2f} s, peak memory {}\n",
                      report.path == "-" ? "standard input" : base::printable(report.path), report.kind,
                      base::format_bytes(report.bytes), report.weights.size(),
                      report.weights.size() + report.left_out, report.seconds,
                      base::format_bytes(report.peak_rss_bytes));
  return text;
}

}  // namespace

std::string analysis_text(const AnalyzeReport& report, std::uint64_t top, bool verbose) {
  return weight_table(report, top) + "\n" + (verbose ? mode_table(report, top) : "") +
         pattern_table(report, top, verbose) + similar_table(report, top) + cost_table(report, top) +
         order_table(report, top) + summary(report);
}

}  // namespace tt::cli

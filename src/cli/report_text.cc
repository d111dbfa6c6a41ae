#include "cli/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/text_table.h"

namespace tt::cli {
namespace {

constexpr std::size_t kNameWidth = 60;

std::string path_text(const std::string& path, std::string_view standard) {
  return path == "-" ? std::string(standard) : base::printable(path);
}

std::vector<std::string> weight_row(const pipeline::WeightReport& weight, bool with_reason) {
  std::vector<std::string> row = {
      base::printable(weight.name, kNameWidth),
      weight.role,
      tensor::shape_text(weight.shape),
      codec::spec_of(weight.encoding),
      fmt::format("{:.2f}", weight.bits_per_weight),
      std::to_string(weight.bytes_out),
      weight.relative_error == 0 ? "0" : fmt::format("{:.2e}", weight.relative_error)};
  if (weight.certificate) {
    const pipeline::Certificate& certificate = *weight.certificate;
    row.push_back(certificate.output_error == 0 ? "0" : fmt::format("{:.2e}", certificate.output_error));
    row.push_back(certificate.bound_bits ? fmt::format("{:.2f}", *certificate.bound_bits) : "");
    row.push_back(certificate.low_rank_bytes
                      ? fmt::format("{} of rank {}", *certificate.low_rank_bytes, *certificate.low_rank)
                      : "");
  }
  if (with_reason) row.push_back(weight.reason);
  return row;
}

std::string weight_table(const std::vector<pipeline::WeightReport>& weights) {
  std::vector<Column> columns = {
      {"weight"},      {"role"},       {"shape", true}, {"encoding"}, {"bits/weight", true},
      {"bytes", true}, {"error", true}};
  if (!weights.empty() && weights[0].certificate) {
    columns.push_back({"output error", true});
    columns.push_back({"bound", true});
    columns.push_back({"low rank bytes", true});
  }
  const bool with_reason =
      std::any_of(weights.begin(), weights.end(), [](const auto& weight) { return !weight.reason.empty(); });
  if (with_reason) columns.push_back({"kept because"});
  std::vector<std::vector<std::string>> rows;
  for (const pipeline::WeightReport& weight : weights) rows.push_back(weight_row(weight, with_reason));
  return table_text(columns, rows);
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string stats_text(const pipeline::Stats& stats) {
  std::string text = fmt::format("{} changed, {} kept exact", plural(stats.compressed_layers, "weight"),
                                 stats.preserved_layers);
  if (stats.compressed_layers > 0)
    text += fmt::format(", mean relative error {:.2e}", stats.avg_reconstruction_error);
  if (stats.estimated_speedup > 1.005)
    text += fmt::format(", {:.2f} times fewer multiply-adds if factored", stats.estimated_speedup);
  return text;
}

std::string cost_text(double seconds, std::uint64_t peak_rss_bytes) {
  return fmt::format("{:.2f} s, peak memory {}", seconds, base::format_bytes(peak_rss_bytes));
}

// The parts of a .tt file, where it came from and how it was made.
std::string container_text(const pipeline::InspectReport& report) {
  std::string text =
      fmt::format("parts: header {}, manifest {}, skeleton {}, cores {}\n", report.header_bytes,
                  report.manifest_bytes, report.skeleton_bytes, report.core_bytes);
  for (const container::SourceEntry& source : report.sources)
    text += fmt::format("from: {} {} bytes sha256 {}\n",
                        source.location.empty() ? "model file" : base::quoted(source.location), source.bytes,
                        base::hex(source.sha256));
  return text + fmt::format("written by tt {} on {}, seed {}\noptions: {}\n",
                            base::printable(report.tool_version), base::printable(report.cpu), report.seed,
                            report.options.dump());
}

// "kept on 250 held-out samples: max_error 0.0098 of output 'y' (limit 0.01)"
std::string kept_text(const pipeline::Quality& quality) {
  const std::string on =
      quality.samples > 0 ? fmt::format("{} {}", quality.samples, quality.measured_on) : quality.measured_on;
  return fmt::format("kept on {}: {}", on, pipeline::quality_text(quality, false));
}

// "calibrated; kl 0.0123 on 128 held-out samples, sensitivities to the power 0.5"
// "planned on 48 generated inputs, real ones (--calib) are better; relative 0.01 on 16 held-out samples, ..."
std::string choice_text(const pipeline::CompressReport& report) {
  const pipeline::PlanChoice& choice = *report.choice;
  std::string text = "calibrated; ";
  if (report.generated_samples > 0)
    text = fmt::format("planned on {} generated inputs, real ones (--calib) are better; ",
                       report.generated_samples);
  if (choice.damage)
    text += fmt::format("{} {:.4g} on {} held-out samples, ", choice.measure, *choice.damage, choice.samples);
  return text + fmt::format("sensitivities to the power {}", choice.alpha);
}

// "folded 35 BatchNormalization nodes and 1 node of constants"
std::string folded_text(const model::FoldReport& folded) {
  std::string text;
  if (folded.batch_normalizations > 0) text = plural(folded.batch_normalizations, "BatchNormalization node");
  if (folded.constant_nodes > 0)
    text +=
        fmt::format("{}{} of constants", text.empty() ? "" : " and ", plural(folded.constant_nodes, "node"));
  return "folded " + text;
}

std::string dropped_text(const std::vector<std::string>& inputs, std::string_view form) {
  if (inputs.empty()) return "";
  return fmt::format("tt: warning: {} gone, with the default values that are {} now: {}\n",
                     plural(inputs.size(), "optional input"), form,
                     base::printable(fmt::format("{}", fmt::join(inputs, ", "))));
}

std::string factored_table(const std::vector<pipeline::FactoredWeight>& weights) {
  const std::vector<Column> columns = {{"weight"},     {"encoding"},    {"layer"},        {"rank", true},
                                       {"macs", true}, {"bytes", true}, {"dense because"}};
  std::vector<std::vector<std::string>> rows;
  for (const pipeline::FactoredWeight& weight : weights) {
    const auto pair = [&](std::uint64_t dense, std::uint64_t factored) {
      return weight.factored ? fmt::format("{} -> {}", dense, factored) : "";
    };
    rows.push_back({base::printable(weight.name, kNameWidth), codec::spec_of(weight.encoding),
                    base::printable(weight.op), weight.rank == 0 ? "" : std::to_string(weight.rank),
                    pair(weight.macs_dense, weight.macs_factored),
                    pair(weight.bytes_dense, weight.bytes_factored), base::printable(weight.why)});
  }
  return table_text(columns, rows);
}

// "factored 5 of 7 weights: 147456 -> 49152 multiply-adds a position, 589.8 kB -> 196.6 kB", then the others.
std::string factored_text(const pipeline::FactoredReport& report, bool verbose) {
  if (report.weights.empty()) return "no weight is stored as factors, all are dense\n";
  std::string text = verbose ? factored_table(report.weights) + "\n" : "";
  text += fmt::format("factored {} of {}", report.factored, plural(report.weights.size(), "weight"));
  if (report.factored > 0)
    text +=
        fmt::format(": {} -> {} multiply-adds a position, {} -> {}", report.macs_dense, report.macs_factored,
                    base::format_bytes(report.bytes_dense), base::format_bytes(report.bytes_factored));
  text += "\n";
  for (const pipeline::FactoredWeight& weight : report.weights)
    if (!weight.factored && !verbose)
      text += fmt::format("dense: {}, {}\n", base::quoted(weight.name), base::printable(weight.why));
  text += dropped_text(report.dropped_inputs, "factored");
  return text;
}

std::string quantised_table(const std::vector<pipeline::QuantisedWeight>& weights) {
  const std::vector<Column> columns = {
      {"weight"}, {"encoding"}, {"operator"}, {"bytes", true}, {"dense because"}};
  std::vector<std::vector<std::string>> rows;
  for (const pipeline::QuantisedWeight& weight : weights)
    rows.push_back(
        {base::printable(weight.name, kNameWidth), codec::spec_of(weight.encoding), weight.op,
         weight.quantised ? fmt::format("{} -> {}", weight.bytes_dense, weight.bytes_quantised) : "",
         base::printable(weight.why)});
  return table_text(columns, rows);
}

// "quantised 38 of 39 weights: 85.06 MB -> 13.29 MB", then the others.
std::string quantised_text(const pipeline::QuantisedReport& report, bool verbose) {
  if (report.weights.empty()) return "no weight is stored as blockquant, all are dense\n";
  std::string text = verbose ? quantised_table(report.weights) + "\n" : "";
  text += fmt::format("quantised {} of {}", report.quantised, plural(report.weights.size(), "weight"));
  if (report.quantised > 0)
    text += fmt::format(": {} -> {}", base::format_bytes(report.bytes_dense),
                        base::format_bytes(report.bytes_quantised));
  text += "\n";
  for (const pipeline::QuantisedWeight& weight : report.weights)
    if (!weight.quantised && !verbose)
      text += fmt::format("dense: {}, {}\n", base::quoted(weight.name), base::printable(weight.why));
  text += dropped_text(report.dropped_inputs, "quantised");
  return text;
}

}  // namespace

std::string compress_text(const pipeline::CompressReport& report, bool verbose) {
  std::string text = verbose ? weight_table(report.weights) + "\n" : "";
  for (const std::string& warning : report.warnings) text += "tt: warning: " + warning + "\n";
  const std::string output =
      report.output_sha256.empty() ? "nothing written" : path_text(report.output, "standard output");
  text += fmt::format("{} ({}) -> {} ({}), ratio {:.4f}", path_text(report.input, "standard input"),
                      base::format_bytes(report.bytes_in), output, base::format_bytes(report.bytes_out),
                      report.ratio);
  if (report.budget_bytes > 0)
    text += fmt::format(", {:.1f} % of the budget", 100 * static_cast<double>(report.bytes_out) /
                                                        static_cast<double>(report.budget_bytes));
  if (report.choice) text += "\n" + choice_text(report);
  if (report.quality) text += "\n" + kept_text(*report.quality);
  if (report.folded.batch_normalizations + report.folded.constant_nodes > 0)
    text += "\n" + folded_text(report.folded);
  return text + "\n" + stats_text(report.stats) + "; " + cost_text(report.seconds, report.peak_rss_bytes) +
         "\n";
}

std::string decompress_text(const pipeline::DecompressReport& report, bool verbose) {
  std::string text =
      fmt::format("{} ({}) -> {} ({}){}\n", path_text(report.input, "standard input"),
                  base::format_bytes(report.bytes_in), path_text(report.output, "standard output"),
                  base::format_bytes(report.bytes_out), report.exact ? ", the original byte for byte" : "");
  if (report.files.size() > 1) text += "with " + plural(report.files.size() - 1, "external data file") + "\n";
  if (report.form == "factored") text += factored_text(report.factored, verbose);
  if (report.form == "quantized") text += quantised_text(report.quantised, verbose);
  return text + cost_text(report.seconds, report.peak_rss_bytes) + "\n";
}

std::string inspect_text(const pipeline::InspectReport& report, bool verbose) {
  std::string text = weight_table(report.weights) + "\n";
  for (const std::string& note : report.notes) text += "note: " + base::printable(note) + "\n";
  text +=
      fmt::format("{}: {}, {} ({} bytes), {}\n", path_text(report.path, "standard input"), report.kind,
                  base::format_bytes(report.bytes), report.bytes, plural(report.weights.size(), "weight"));
  if (report.kind != "tt") return text;
  text += fmt::format("ratio {:.4f} of {} ({} bytes), format version {}{}\n{}\n", report.ratio,
                      base::format_bytes(report.bytes_in), report.bytes_in, report.format_version,
                      report.exact ? ", restores the original byte for byte" : "", stats_text(report.stats));
  return verbose ? text + container_text(report) : text;
}

void talk(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace tt::cli

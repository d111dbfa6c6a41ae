#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "cli/text_table.h"
#include "cli/verify_report.h"

namespace tt::cli {
namespace {

using pipeline::VerifyReport;

constexpr std::size_t kNameWidth = 40;
constexpr double kGoodQuality = 0.99;  // of a layer's output: about 14 % of error

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  return value == 0 ? "0" : fmt::format("{:.5g}", value);
}

// Below this KL is the rounding of probabilities.
std::string nats(double kl) {
  return std::abs(kl) < 1e-12 ? "0" : number(kl);
}

std::string percent(double share) {
  return std::isnan(share) ? "NaN" : fmt::format("{:.2f} %", 100 * share);
}

// A line with a figure of the original, of the candidate, and what to say of their difference.
using Row = std::vector<std::string>;

void add_predictions(const VerifyReport& report, std::vector<Row>& rows) {
  const auto& found = report.judgement.predictions;
  if (!found) return;
  if (found->accuracy) {
    const runtime::AccuracyMetrics& accuracy = *found->accuracy;
    rows.push_back({"accuracy", percent(accuracy.original), percent(accuracy.candidate),
                    fmt::format("drop {} points, {} to {} at {:g} %, p = {:.3g}", number(accuracy.drop),
                                number(accuracy.ci95_low), number(accuracy.ci95_high), report.confidence,
                                accuracy.p_value)});
  }
  if (found->perplexity)
    rows.push_back(
        {"perplexity", number(found->perplexity->original), number(found->perplexity->candidate), ""});
}

std::vector<Row> both_rows(const VerifyReport& report) {
  std::vector<Row> rows;
  add_predictions(report, rows);
  const runtime::Judgement& judgement = report.judgement;
  if (judgement.label_error_original && judgement.label_error_candidate)
    rows.push_back({"squared error of labels", number(*judgement.label_error_original),
                    number(*judgement.label_error_candidate), ""});
  if (report.eval)
    rows.push_back({"eval command", number(report.eval->original), number(report.eval->candidate),
                    "drop " + number(report.eval->drop)});
  if (report.macs_original && report.macs_candidate)
    rows.push_back({"multiply-adds", fmt::format("{}", *report.macs_original),
                    fmt::format("{}", *report.macs_candidate), "a sample"});
  if (report.latency_original && report.latency_candidate)
    rows.push_back({"latency", fmt::format("{:.3f} ms", report.latency_original->median_ms),
                    fmt::format("{:.3f} ms", report.latency_candidate->median_ms),
                    fmt::format("median of {} runs", report.latency_original->runs)});
  rows.push_back({"file", base::format_bytes(report.bytes_original),
                  base::format_bytes(report.bytes_candidate),
                  fmt::format("ratio {:.4f}",
                              static_cast<double>(report.bytes_candidate) /
                                  static_cast<double>(std::max<std::uint64_t>(1, report.bytes_original)))});
  return rows;
}

std::string outputs_table(const std::vector<runtime::OutputMetrics>& outputs) {
  if (outputs.empty()) return {};
  std::vector<Row> rows;
  for (const runtime::OutputMetrics& output : outputs)
    rows.push_back({base::printable(output.name, kNameWidth), number(output.relative_error),
                    number(output.max_abs_error), number(output.mse), number(output.mae),
                    number(output.pearson), number(output.cosine_mean), number(output.cosine_min)});
  return table_text({{"output"},
                     {"relative error", true},
                     {"largest error", true},
                     {"mse", true},
                     {"mae", true},
                     {"pearson", true},
                     {"cosine", true},
                     {"smallest", true}},
                    rows) +
         "\n";
}

std::string kl_line(const std::optional<runtime::PredictionMetrics>& found) {
  if (!found) return {};
  return fmt::format("KL {} +- {} nats (median {}, p90 {}, p99 {}), same first class {}, among five {}\n\n",
                     nats(found->kl.mean), nats(found->kl.se), nats(found->kl.median), nats(found->kl.p90),
                     nats(found->kl.p99), percent(found->top1_agreement), percent(found->top5_agreement));
}

std::string first_below(const pipeline::LayerQualities& found) {
  if (const pipeline::LayerQuality* first = found.first_below(kGoodQuality))
    return fmt::format("first below a cosine of {:g}: {} ({})\n", kGoodQuality,
                       base::printable(first->name, kNameWidth), number(first->activation_quality));
  return fmt::format("no layer is below a cosine of {:g}\n", kGoodQuality);
}

// In words: the first layer that is off, and the one that adds most.
std::string first_wrong(const pipeline::LayerQualities& found) {
  std::string text = found.layers.empty() ? "" : first_below(found);
  if (const pipeline::LayerQuality* most = found.most_added())
    text += fmt::format("adds most: {}, its input is {} off, its output {}\n",
                        base::printable(most->name, kNameWidth), number(most->input_error.value_or(0)),
                        number(most->relative_error));
  if (found.unseen != 0)
    text += fmt::format("{} layer{} cannot be compared\n", found.unseen, found.unseen == 1 ? "" : "s");
  return text.empty() ? "there are no layers to compare\n" : text;
}

std::string layers_table(const std::optional<pipeline::LayerQualities>& found) {
  if (!found) return {};
  std::vector<Row> rows;
  for (const pipeline::LayerQuality& layer : found->layers)
    rows.push_back({base::printable(layer.name, kNameWidth), layer.role, number(layer.activation_quality),
                    number(layer.cosine_min), number(layer.relative_error),
                    layer.input_error ? number(*layer.input_error) : "",
                    layer.added_error() ? number(*layer.added_error()) : ""});
  if (rows.empty()) return first_wrong(*found) + "\n";
  return table_text({{"layer"},
                     {"role"},
                     {"cosine", true},
                     {"smallest", true},
                     {"relative error", true},
                     {"of its input", true},
                     {"added", true}},
                    rows) +
         first_wrong(*found) + "\n";
}

std::string gates_table(const std::vector<pipeline::Gate>& gates) {
  if (gates.empty()) return {};
  std::vector<Row> rows;
  for (const pipeline::Gate& gate : gates)
    rows.push_back({base::printable(gate.name), number(gate.value), number(gate.limit),
                    gate.passed ? "passed" : "FAILED"});
  return table_text({{"gate"}, {"value", true}, {"limit", true}, {""}}, rows) + "\n";
}

std::string samples_line(const VerifyReport& report) {
  if (report.task.empty()) return {};
  return fmt::format("{} samples, task {} ({})\n\n", report.judgement.samples, report.task,
                     base::printable(report.task_reason));
}

}  // namespace

std::string verify_text(const VerifyReport& report) {
  std::string text = samples_line(report) + outputs_table(report.judgement.outputs) +
                     kl_line(report.judgement.predictions) + layers_table(report.layers) +
                     table_text({{""}, {"original", true}, {"candidate", true}, {""}}, both_rows(report)) +
                     "\n" + gates_table(report.gates);
  for (const std::string& note : report.judgement.notes) text += "note: " + base::printable(note) + "\n";
  return text + fmt::format(
                    "{}: {}\n", base::printable(report.candidate),
                    report.passed ? report.gates.empty() ? "compared, no limits given" : "passed" : "FAILED");
}

std::string integrity_text(const pipeline::IntegrityReport& report) {
  const std::string path = report.path == "-" ? "standard input" : base::printable(report.path);
  const char* checked = report.exact          ? "every hash right, the original restored byte for byte"
                        : report.kind == "tt" ? "every hash right, every weight decoded"
                                              : "structure sound";
  return fmt::format("{}: {}, {}, {} weights: {}\n", path, report.kind, base::format_bytes(report.bytes),
                     report.weights, checked);
}

std::string pair_text(const pipeline::PairReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const pipeline::PairedSource& source : report.sources)
    rows.push_back({source.location.empty() ? "the model file" : base::printable(source.location),
                    std::to_string(source.bytes), source.sha256});
  const auto shown = [](const std::string& path) {
    return path == "-" ? std::string("standard input") : base::printable(path);
  };
  std::string text =
      table_text({{"made from"}, {"bytes", true}, {"sha256"}}, rows) +
      fmt::format("\n{}: {}, {} weights, {} edits: every hash right, every weight decoded\n",
                  shown(report.path), base::format_bytes(report.bytes), report.weights, report.edits);
  if (!report.failure.empty())
    return text + fmt::format("{}: {}: does NOT belong to it\n", shown(report.rollback),
                              base::format_bytes(report.bytes_rollback));
  return text + fmt::format("{}: {}: restores exactly these files\n", shown(report.rollback),
                            base::format_bytes(report.bytes_rollback));
}

std::string failure_text(const VerifyReport& report) {
  if (report.passed) return {};
  std::string why;
  std::size_t failed = 0;
  for (const pipeline::Gate& gate : report.gates) {
    if (gate.passed) continue;
    ++failed;
    why += (why.empty() ? "" : "; ") + gate.why;
  }
  std::string text;
  if (!report.judgement.finite) text = "the candidate's outputs hold NaN or infinity";
  if (failed == 0) return text;
  return text + (text.empty() ? "" : "; ") +
         fmt::format("{} of {} gates failed: {}", failed, report.gates.size(), why);
}

}  // namespace tt::cli

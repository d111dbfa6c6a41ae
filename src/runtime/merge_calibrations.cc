#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "base/error.h"
#include "base/text.h"
#include "runtime/calibration.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

[[noreturn]] void refuse(const std::string& a, const std::string& b, const std::string& why,
                         const std::string& hint) {
  throw Error(ErrorKind::bad_data, base::quoted(a) + " and " + base::quoted(b) + " cannot be merged, " + why,
              hint);
}

bool same_definitions(const CalibrationInfo& a, const CalibrationInfo& b) {
  if (a.weights != b.weights || a.inputs.size() != b.inputs.size()) return false;
  for (std::size_t i = 0; i < a.inputs.size(); ++i)
    if (std::tie(a.inputs[i].kind, a.inputs[i].value, a.inputs[i].size) !=
        std::tie(b.inputs[i].kind, b.inputs[i].value, b.inputs[i].size))
      return false;
  return true;
}

void check_pair(const CalibrationInfo& a, const CalibrationInfo& b, const std::string& first,
                const std::string& second) {
  if (a.model != b.model)
    refuse(first, second, "they are of different models", "merge calibrations of one model file");
  if (a.mask_input != b.mask_input || a.seed != b.seed)
    refuse(first, second, "they were made with different --mask-input or --seed",
           "calibrate both with the same options");
  if (!same_definitions(a, b))
    refuse(first, second, "they sum different inputs", "calibrate both with this version of tt");
  std::vector<base::Sha256> both;
  std::set_intersection(a.blocks.begin(), a.blocks.end(), b.blocks.begin(), b.blocks.end(),
                        std::back_inserter(both));
  if (!both.empty())
    refuse(first, second, "they hold the same samples",
           "samples that count twice are no better than those that count once");
}

bool same_samples_form(const NamedArrays& a, const NamedArrays& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const NamedArray& x, const NamedArray& y) {
    const tensor::Shape &p = x.array.shape, &q = y.array.shape;
    return x.name == y.name && x.array.type == y.array.type && p.size() == q.size() &&
           (p.empty() ? x.array.data == y.array.data : std::equal(p.begin() + 1, p.end(), q.begin() + 1));
  });
}

// Samples `rows` (part, position) of one input.
Array gathered(const std::vector<CalibrationSums>& parts, std::size_t input,
               const std::vector<std::pair<std::size_t, std::size_t>>& rows) {
  const Array& model = parts[rows[0].first].held_out[input].array;
  Array result{model.type, model.shape, {}};
  if (model.shape.empty()) return model;
  result.shape[0] = rows.size();
  for (const auto& [part, row] : rows) {
    const Array& from = parts[part].held_out[input].array;
    const std::uint64_t bytes = from.data.size() / from.shape[0];
    const auto begin = from.data.begin() + static_cast<std::ptrdiff_t>(row * bytes);
    result.data.insert(result.data.end(), begin, begin + static_cast<std::ptrdiff_t>(bytes));
  }
  return result;
}

void merge_held_out(const std::vector<CalibrationSums>& parts, const std::vector<std::string>& names,
                    CalibrationSums& result) {
  std::map<base::Sha256, std::pair<std::size_t, std::size_t>> samples;
  std::size_t first = parts.size();
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const CalibrationSums& sums = parts[part];
    if (sums.info.held_out.empty()) continue;
    if (first == parts.size()) first = part;
    if (!same_samples_form(parts[first].held_out, sums.held_out))
      refuse(names[first], names[part], "their held-out samples have different shapes",
             "make them with --no-samples");
    for (std::size_t row = 0; row < sums.info.held_out.size(); ++row)
      samples.emplace(sums.info.held_out[row], std::pair(part, row));
  }
  std::vector<std::pair<std::size_t, std::size_t>> rows;
  for (const auto& [digest, row] : samples) {
    if (rows.size() == kMaxHeldOut) break;
    rows.push_back(row);
    result.info.held_out.push_back(digest);
  }
  if (rows.empty()) return;
  for (std::size_t input = 0; input < parts[first].held_out.size(); ++input)
    result.held_out.push_back({parts[first].held_out[input].name, gathered(parts, input, rows)});
}

void add_sums(CalibrationSums& part, CalibrationSums& result) {
  result.info.samples += part.info.samples;
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(result.info.blocks, part.info.blocks);
  append(result.info.probes, part.info.probes);
  for (std::size_t i = 0; i < part.sums.size(); ++i) {
    result.info.inputs[i].rows += part.info.inputs[i].rows;
    result.sums[i].add(part.sums[i]);
    part.sums[i] = BinnedSum();
  }
}

}  // namespace

CalibrationSums merge_calibrations(std::vector<CalibrationSums> parts, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].info.part)
      throw Error(ErrorKind::bad_data, base::quoted(names[i]) + " is an unfinished calibration",
                  "finish it with tt calibrate --resume");
    for (std::size_t j = 0; j < i; ++j) check_pair(parts[j].info, parts[i].info, names[j], names[i]);
  }
  CalibrationSums result;
  result.info = parts[0].info;
  result.info.held_out.clear();
  merge_held_out(parts, names, result);
  result.sums = std::move(parts[0].sums);
  for (std::size_t i = 1; i < parts.size(); ++i) add_sums(parts[i], result);
  std::sort(result.info.blocks.begin(), result.info.blocks.end());
  std::sort(result.info.probes.begin(), result.info.probes.end(), [](const Probe& a, const Probe& b) {
    return std::tie(a.samples, a.seed, a.measure, a.damage, a.error) <
           std::tie(b.samples, b.seed, b.measure, b.damage, b.error);
  });
  for (std::size_t i = 0; i < result.sums.size(); ++i)
    result.info.inputs[i].effective_rank = effective_rank(result.info.inputs[i], result.sums[i]);
  return result;
}

}  // namespace tt::runtime

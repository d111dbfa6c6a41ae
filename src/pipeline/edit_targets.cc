#include "pipeline/edit_targets.h"

#include <map>

#include "base/error.h"
#include "base/text.h"
#include "pipeline/selection.h"
#include "pipeline/weight_analysis.h"

namespace tt::pipeline {
namespace {

using base::Error;
using base::ErrorKind;

constexpr const char* kListHint = "list the weights with tt inspect";

std::string side_name(Side side) {
  return side == Side::input ? "inputs" : "outputs";
}

}  // namespace

EditTargets::EditTargets(const container::Container& container, const model::Model& model)
    : container_(container), model_(model) {
  const std::vector<container::WeightEntry>& entries = container.manifest().weights;
  std::map<std::string, std::size_t> stored;
  for (std::size_t i = 0; i < entries.size(); ++i) stored.emplace(entries[i].name, i);
  const Selection selection = select_weights(model, {}, false);
  for (std::size_t m = 0; m < model.weights().size(); ++m) {
    const model::Weight& weight = model.weights()[m];
    const auto found = stored.find(weight.name);
    if (found == stored.end() || entries[found->second].layout.shape != weight.layout.shape) continue;
    const bool turned = is_stored_in_by_out(weight, selection.options[m].block_axis);
    all_.push_back({found->second, m, {entries[found->second].layout, turned}});
  }
}

const EditTarget& EditTargets::layer(const std::string& text) const {
  const WeightPattern pattern(text);
  const EditTarget* found = nullptr;
  for (const EditTarget& target : all_) {
    if (target.seen.is_vector() || !pattern.matches(weight(target))) continue;
    if (found)
      throw Error(ErrorKind::usage,
                  "--layer " + base::quoted(text) + " matches more than one weight, " +
                      base::quoted(weight(*found).name) + " and " + base::quoted(weight(target).name),
                  "name one, see tt inspect");
    found = &target;
  }
  if (!found)
    throw Error(ErrorKind::usage, "--layer " + base::quoted(text) + " matches no matrix or kernel",
                kListHint);
  return *found;
}

std::vector<EditTarget> EditTargets::named(const std::vector<std::string>& patterns, Side side,
                                           std::uint64_t length) const {
  std::vector<bool> wanted(all_.size());
  for (const std::string& text : patterns) {
    const WeightPattern pattern(text);
    bool any = false;
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (pattern.matches(weight(all_[i]))) wanted[i] = any = true;
    if (!any)
      throw Error(ErrorKind::usage, "pattern " + base::quoted(text) + " matches no weight", kListHint);
  }
  std::vector<EditTarget> chosen;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (!wanted[i]) continue;
    check_side(all_[i], side, length);
    chosen.push_back(all_[i]);
  }
  return chosen;
}

std::vector<EditTarget> EditTargets::of_length(Side side, std::uint64_t length) const {
  std::vector<EditTarget> chosen;
  for (const EditTarget& target : all_)
    if (model::is_layer_role(weight(target).role) && !target.seen.is_vector() &&
        target.seen.length(side) == length)
      chosen.push_back(target);
  if (chosen.empty())
    throw Error(ErrorKind::bad_data,
                "the direction is of length " + std::to_string(length) + ", and no layer of " +
                    base::quoted(container_.file().name()) + " has as many " + side_name(side),
                "see the shapes with tt inspect, or try the other --side");
  return chosen;
}

void EditTargets::check_side(const EditTarget& target, Side side, std::uint64_t length) const {
  const std::string name = base::quoted(weight(target).name);
  if (target.seen.is_vector() && side == Side::input)
    throw Error(ErrorKind::bad_data, "weight " + name + " is a vector and has no side of inputs",
                "leave it out of --weights, or use --side output");
  if (length == 0 || target.seen.length(side) == length) return;
  throw Error(ErrorKind::bad_data,
              "weight " + name + " has " + std::to_string(target.seen.length(side)) + " " + side_name(side) +
                  ", and the direction is of length " + std::to_string(length),
              "choose other --weights, or the other --side");
}

}  // namespace tt::pipeline

#include "pipeline/selection.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "model/quantised.h"

namespace tt::pipeline {
namespace {

using plan::Freedom;

// Tables that are not a layer's (anchors, position tables) change last: only when the goal cannot be met
// otherwise.
constexpr double kOtherImportance = 1e6;

struct NamedPattern {
  std::string text;
  WeightPattern pattern;
  bool used = false;
};

std::vector<NamedPattern> compile(const std::vector<std::string>& texts) {
  std::vector<NamedPattern> patterns;
  for (const std::string& text : texts) patterns.push_back({text, WeightPattern(text)});
  return patterns;
}

bool any_matches(std::vector<NamedPattern>& patterns, const model::Weight& weight) {
  bool matched = false;
  for (NamedPattern& pattern : patterns)
    if (pattern.pattern.matches(weight)) matched = pattern.used = true;
  return matched;
}

plan::Method method_of(const std::string& name) {
  if (name == "auto") return plan::Method::automatic;
  if (name == "svd") return plan::Method::svd;
  if (name == "tt") return plan::Method::tt;
  throw base::Error(base::ErrorKind::usage, "unknown method " + base::quoted(name), "use auto, svd or tt");
}

tensor::SvdMethod svd_method_of(const std::string& name) {
  if (const auto method = tensor::svd_method_from_name(name)) return *method;
  throw base::Error(base::ErrorKind::usage, "unknown svd method " + base::quoted(name),
                    "use full, truncated or randomized");
}

plan::PriceOptions options_by_role(const model::Weight& weight, const CompressOptions& options,
                                   tensor::SvdMethod svd_method) {
  plan::PriceOptions price;
  price.method = method_of(options.method);
  price.max_rank = options.max_rank;
  price.svd_method = svd_method;
  price.seed = options.seed;
  price.epsilon = price.method == plan::Method::automatic ? 0 : options.epsilon.value_or(0);
  if (!model::is_layer_role(weight.role)) {
    price.freedom = Freedom::values;
    price.min_mantissa = 10;
  }
  return price;
}

// Of a matrix, not of a vector.
bool needs_matrix(codec::Format format) {
  return format == codec::Format::lowrank || format == codec::Format::tt ||
         format == codec::Format::blockquant || format == codec::Format::tucker;
}

// The forms of blockquant that a runtime multiplies with.
std::vector<codec::Encoding> runnable_blocks(const model::QuantisedUse& use, const model::Weight& weight) {
  std::vector<codec::Encoding> blocks;
  const std::uint64_t inputs = use.axis == 1 ? weight.layout.cols : weight.layout.rows;
  for (const unsigned bits : {4u, 8u})
    for (const std::uint64_t group : {16u, 32u, 64u, 128u, 0u}) {
      // With 8 bits the next larger groups are as good. Without an operator, groups that divide the inputs
      // need nothing but their scales.
      const bool fine = bits == 8 && (group == 16 || group == 64);
      const bool expanded =
          use.op == model::QuantisedOp::expanded || (use.op == model::QuantisedOp::product && bits == 8);
      const bool ragged = expanded && group != 0 && inputs % group != 0;
      if (bits < use.least_bits || fine || ragged || group >= inputs) continue;
      blocks.push_back({.format = codec::Format::blockquant, .bits = bits, .group = group, .axis = use.axis});
    }
  return blocks;
}

// The user's patterns, compiled once, and whether each was of use.
class Rules {
 public:
  explicit Rules(const CompressOptions& options)
      : options_(options),
        include_(compile(options.include)),
        exclude_(compile(options.exclude)),
        preserve_(compile(options.preserve)) {
    for (const TensorSpec& tensor : options.tensors) {
      tensors_.push_back({tensor.pattern, WeightPattern(tensor.pattern)});
      specs_.push_back(tensor.spec == "skip" ? std::optional<codec::Encoding>()
                                             : codec::parse_spec(tensor.spec));
    }
  }

  // Why the weight stays exact, or empty; may fix the encoding in `price`.
  std::string apply(const model::Weight& weight, plan::PriceOptions& price) {
    const bool preserved = any_matches(preserve_, weight), excluded = any_matches(exclude_, weight);
    const bool included = options_.include.empty() || any_matches(include_, weight);
    const std::optional<std::size_t> tensor = last_tensor(weight);
    if (preserved) return "preserved";
    if (tensor && !specs_[*tensor]) return "skipped by --tensor";
    if (tensor && fits(weight, *specs_[*tensor])) {
      price.fixed = specs_[*tensor];
      return {};
    }
    if (excluded) return "excluded";
    if (!included) return "not included";
    if (weight.layout.elements() < options_.min_size) return "smaller than --min-size";
    return {};
  }

  std::vector<std::string> warnings() const {
    std::vector<std::string> warnings;
    for (const auto* patterns : {&include_, &exclude_, &preserve_, &tensors_})
      for (const NamedPattern& pattern : *patterns)
        if (!pattern.used) warnings.push_back("pattern " + base::quoted(pattern.text) + " matches no weight");
    return warnings;
  }

 private:
  // What is asked for a whole layer's matrix does not concern its bias.
  static bool fits(const model::Weight& weight, const codec::Encoding& encoding) {
    return !needs_matrix(encoding.format) || (weight.layout.rows > 1 && weight.layout.cols > 1);
  }
  std::optional<std::size_t> last_tensor(const model::Weight& weight) {
    std::optional<std::size_t> last;
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      if (tensors_[i].pattern.matches(weight)) {
        tensors_[i].used = true;
        last = i;
      }
    return last;
  }

  const CompressOptions& options_;
  std::vector<NamedPattern> include_, exclude_, preserve_, tensors_;
  std::vector<std::optional<codec::Encoding>> specs_;
};

}  // namespace

WeightPattern::WeightPattern(const std::string& text) {
  if (text.starts_with("role:"))
    role_ = text.substr(5);
  else
    pattern_.emplace(text);
}

bool WeightPattern::matches(const std::string& name, const std::string& role) const {
  if (pattern_) return pattern_->matches(name);
  return role == role_ || role.substr(0, role.find('.')) == role_;
}

bool WeightPattern::matches(const model::Weight& weight) const {
  if (matches(weight.name, model::role_name(weight.role))) return true;
  return pattern_ && std::any_of(weight.nodes.begin(), weight.nodes.end(),
                                 [&](const std::string& node) { return pattern_->matches(node); });
}

Selection select_weights(const model::Model& model, const CompressOptions& options, bool exact) {
  Selection selection;
  Rules rules(options);
  selection.svd_method = svd_method_of(options.svd);
  const std::vector<model::QuantisedUse> uses = model::quantised_uses(model);
  for (const model::Weight& weight : model.weights()) {
    const model::QuantisedUse& use = uses[selection.options.size()];
    plan::PriceOptions price = options_by_role(weight, options, selection.svd_method);
    std::string reason = rules.apply(weight, price);
    if (exact) reason = "lossless";
    if (!reason.empty()) price.freedom = Freedom::exact;
    if (exact) price.fixed.reset();
    price.block_axis = use.axis;
    if (options.runtime == "quantized" && use.op != model::QuantisedOp::none &&
        model::is_layer_role(weight.role))
      price.blocks = runnable_blocks(use, weight);
    selection.options.push_back(price);
    selection.importances.push_back(weight.role == model::Role::other ? kOtherImportance : 1);
    selection.reasons.push_back(std::move(reason));
  }
  if (!exact) selection.warnings = rules.warnings();
  return selection;
}

}  // namespace tt::pipeline

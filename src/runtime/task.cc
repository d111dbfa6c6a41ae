#include "runtime/task.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "runtime/labels.h"

namespace tt::runtime {
namespace {

using base::Error;
using base::ErrorKind;

constexpr std::array<std::string_view, 5> kNames = {"classification", "lm", "regression", "embedding",
                                                    "generic"};

// What the rules ask of a model.
class Facts {
 public:
  Facts(const model::Model& model, const Signature& signature) : signature_(signature) {
    for (const model::Weight& weight : model.weights())
      if (weight.role == model::Role::embedding && weight.layout.shape.size() == 2)
        tables_.insert(weight.layout.shape[0]);
    for (const ValueInfo& info : signature.outputs) producers_[info.name] = model.producer(info.name);
  }

  const ValueInfo* first_float() const {
    return first([](const ValueInfo&) { return true; });
  }
  const ValueInfo* scores() const {
    const ValueInfo* softmax = softmax_output();
    return softmax != nullptr ? softmax : first(has_classes);
  }
  const ValueInfo* softmax_output() const {
    return first([&](const ValueInfo& info) { return has_classes(info) && is_distribution(info); });
  }
  const ValueInfo* sequence() const {
    return first([](const ValueInfo& info) { return info.dims.size() == 3 && has_classes(info); });
  }
  const ValueInfo* vocabulary() const {
    return first([&](const ValueInfo& info) {
      return info.dims.size() == 3 && info.dims[2].size != kFree &&
             tables_.contains(static_cast<std::uint64_t>(info.dims[2].size));
    });
  }
  // Token numbers: all inputs are int32 or int64 of at most two axes, one at least of some.
  bool integer_inputs() const {
    const auto& inputs = signature_.inputs;
    const auto is_tokens = [](const ValueInfo& info) {
      return (info.type == ElementType::i32 || info.type == ElementType::i64) && info.dims.size() <= 2;
    };
    return std::all_of(inputs.begin(), inputs.end(), is_tokens) &&
           std::any_of(inputs.begin(), inputs.end(),
                       [](const ValueInfo& info) { return !info.dims.empty(); });
  }

  Scores scores_of(const ValueInfo& info, Task task) const {
    if (is_distribution(info))
      return producers_.at(info.name)->op == "Softmax" ? Scores::probabilities : Scores::log_probabilities;
    return task == Task::classification || task == Task::lm ? Scores::logits : Scores::values;
  }

 private:
  template <typename F>
  const ValueInfo* first(F&& holds) const {
    for (const ValueInfo& info : signature_.outputs)
      if (is_float(info.type) && holds(info)) return &info;
    return nullptr;
  }

  // At least two values a row, as runtime/rows.h has it; a free size may be.
  static bool has_classes(const ValueInfo& info) {
    if (info.dims.size() < 2) return false;
    if (info.dims.back().size != 1) return true;
    return std::any_of(info.dims.begin() + 1, info.dims.end(), [](const Dim& dim) { return dim.size != 1; });
  }

  // The model ends in (Log)Softmax over what are the rows. Axis 0 stands for an absent attribute, too: the
  // last axis since opset 13.
  bool is_distribution(const ValueInfo& info) const {
    const auto& producer = producers_.at(info.name);
    if (!producer || (producer->op != "Softmax" && producer->op != "LogSoftmax")) return false;
    const auto rank = static_cast<std::int64_t>(info.dims.size());
    const std::int64_t axis = producer->axis < 0    ? producer->axis + rank
                              : producer->axis == 0 ? rank - 1
                                                    : producer->axis;
    if (axis < 1 || axis >= rank) return false;
    const bool one_axis = std::all_of(info.dims.begin() + 1, info.dims.end(), [&](const Dim& dim) {
      return dim.size == 1 || &dim == &info.dims[static_cast<std::size_t>(axis)];
    });
    return axis == rank - 1 ? info.dims.back().size != 1 || one_axis : one_axis;
  }

  const Signature& signature_;
  std::map<std::string, std::optional<model::Producer>> producers_;
  std::set<std::uint64_t> tables_;  // rows of the embedding tables
};

struct Found {
  Task task;
  const ValueInfo* output;
  std::string reason;
};

Found by_labels(const Facts& facts, const Labels& labels) {
  if (!labels.integers()) return {Task::regression, facts.first_float(), "labels that are no integers"};
  if (labels.per_sample() == 1) {
    if (facts.scores() != nullptr)
      return {Task::classification, facts.scores(), "integer labels, one a sample"};
    return {Task::regression, facts.first_float(), "labels, and outputs of one value"};
  }
  if (facts.vocabulary() != nullptr)
    return {Task::lm, facts.vocabulary(), "integer labels, and scores for every row of the embedding"};
  if (facts.sequence() != nullptr)
    return {Task::classification, facts.sequence(), "integer labels, one a position"};
  return {Task::regression, facts.first_float(), "several numbers a sample as labels"};
}

Found by_model(const Facts& facts, bool predictions) {
  if (facts.integer_inputs() && facts.vocabulary() != nullptr)
    return {Task::lm, facts.vocabulary(), "integer inputs, and scores for every row of the embedding"};
  if (facts.integer_inputs() && facts.first_float() != nullptr)
    return {Task::embedding, facts.first_float(), "integer inputs and a floating-point output"};
  if (predictions && facts.scores() != nullptr)
    return {Task::classification, facts.scores(), "a limit on predictions was given"};
  if (facts.softmax_output() != nullptr)
    return {Task::classification, facts.softmax_output(), "the model ends in a softmax"};
  return {Task::generic, facts.first_float(), "nothing says more about the outputs"};
}

Found by_wish(const Facts& facts, Task task) {
  const std::string reason = "asked for";
  switch (task) {
    case Task::classification:
      return {task, facts.scores(), reason};
    case Task::lm:
      return {task, facts.vocabulary() != nullptr ? facts.vocabulary() : facts.sequence(), reason};
    default:
      return {task, facts.first_float(), reason};
  }
}

void refuse(Task task, const Signature& signature) {
  const std::string needs = task == Task::classification ? "scores of at least two classes"
                            : task == Task::lm           ? "scores [samples, positions, vocabulary]"
                                                         : "floating-point values";
  std::string outputs;
  for (const ValueInfo& info : signature.outputs)
    outputs += (outputs.empty() ? "" : ", ") + base::printable(info.name) + " (" +
               std::string(element_name(info.type)) + " " + dims_text(info) + ")";
  throw Error(
      ErrorKind::usage,
      "the task " + std::string(task_name(task)) + " needs an output of " + needs + ", which the model lacks",
      "its outputs are " + outputs);
}

}  // namespace

std::string_view task_name(Task task) {
  return kNames[static_cast<std::size_t>(task)];
}

Task parse_task(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end())
    throw Error(ErrorKind::usage, "there is no task " + base::quoted(name),
                "the tasks are classification, lm, regression, embedding and generic");
  return static_cast<Task>(found - kNames.begin());
}

TaskChoice choose_task(const model::Model& model, const Signature& signature, const Array* labels,
                       std::optional<Task> wished, bool predictions) {
  const Facts facts(model, signature);
  const Found found = wished              ? by_wish(facts, *wished)
                      : labels != nullptr ? by_labels(facts, Labels(*labels))
                                          : by_model(facts, predictions);
  if (found.output == nullptr) {
    if (found.task != Task::generic) refuse(found.task, signature);
    return {found.task, Scores::values, "", found.reason};
  }
  return {found.task, facts.scores_of(*found.output, found.task), found.output->name, found.reason};
}

}  // namespace tt::runtime

// What a model is for, as far as judging it needs to know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/model.h"
#include "runtime/array.h"
#include "runtime/signature.h"

namespace tt::runtime {

enum class Task : std::uint8_t { classification, lm, regression, embedding, generic };

std::string_view task_name(Task task);
// Errors: usage, naming the tasks.
Task parse_task(std::string_view name);

// What the rows of the judged output (its last axis) are: scores before a softmax, probabilities (the model
// ends in a Softmax), their logarithms (LogSoftmax), or plain values.
enum class Scores : std::uint8_t { logits, probabilities, log_probabilities, values };

struct TaskChoice {
  Task task = Task::generic;
  Scores scores = Scores::values;
  std::string output;  // the output that predictions, labels and perplexity are about
  std::string reason;  // "integer labels, one a sample", for the report
};

// `wished`: --task. Else, by the first rule that holds:
//   integer labels, one a sample, and an output of at least two scores a sample: classification;
//   integer labels [N, T] and an output [N, T, V]: lm if V is the number of rows of an embedding table, else
//   classification;
//   other labels: regression;
//   integer inputs [N, T] and an output [N, T, V], V as above: lm;
//   integer inputs and a floating-point output otherwise: embedding;
//   `predictions` (a KL or top-k limit was given): classification;
//   an output that ends in Softmax over at least two classes along its last axis: classification;
//   else generic.
// `labels` may be null; one-hot ones count as integers (runtime/labels.h). Errors: usage if the wished task
// needs an output that the model lacks.
TaskChoice choose_task(const model::Model& model, const Signature& signature, const Array* labels,
                       std::optional<Task> wished, bool predictions);

}  // namespace tt::runtime

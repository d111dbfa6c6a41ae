// Which node gives an output of the model.
#pragma once

#include <optional>
#include <string>

#include "model/graph.h"
#include "model/model.h"

namespace tt::model {

// As Model::producer.
std::optional<Producer> producer_of(const Onnx& onnx, const std::string& output);

}  // namespace tt::model

// The dominant patterns of a weight: directions that hold much of its energy, and what they load on.
//
// With W seen as outputs x inputs (as the layer does, whatever way it is stored), pattern N = 1 ..
// kComponents is its N-th singular component sigma u v^T: `strength` = sigma^2 / ||W||_F^2, its topics the
// outputs and inputs with the largest |u_i| and |v_j|. Pattern kComponents + 1 + k is the strongest component
// of the unfolding of mode k of the tensorised weight (tensor/mode_profile.h), where there are more than two
// modes: its topics are indices of that mode. A number depends on the weight alone, so that it names the same
// pattern in every run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/axis_labels.h"
#include "tensor/components.h"
#include "tensor/mode_profile.h"

namespace tt::pipeline {

inline constexpr std::uint64_t kComponents = 4;
inline constexpr std::size_t kTopics = 5;  // of one axis

struct Topic {
  std::string axis;         // "output", "input", "mode 3"
  std::uint64_t index = 0;  // along it
  std::string label;        // of the labels file, empty without
  double loading = 0;       // of the unit vector, -1..1
};

struct DominantPattern {
  std::uint64_t number = 0;
  std::string description;  // one line
  double strength = 0;      // share of the energy
  std::vector<Topic> affected_topics;
};

// `components`: of the weight as outputs x inputs.
std::vector<DominantPattern> component_patterns(const tensor::Components& components, std::uint64_t outputs,
                                                std::uint64_t inputs, const AxisLabels& labels);
std::vector<DominantPattern> mode_patterns(const std::vector<tensor::ModeProfile>& profiles,
                                           const std::vector<std::string>& mode_names,
                                           const AxisLabels& labels);

}  // namespace tt::pipeline

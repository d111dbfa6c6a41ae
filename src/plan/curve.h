// What one weight can cost: its candidates and their curve.
#pragma once

#include <cstdint>
#include <vector>

#include "codec/encoding.h"

namespace tt::plan {

// One way to store a weight. `loss` is -ln(1 - e^2), e^2 the squared relative error of the layer's output in
// the weight's metric, tr(E C E^T) / tr(W C W^T) (tensor/metric.h); 0 means bit-exact. What it costs the
// model is `loss` times the weight's importance (plan/allocate.h).
struct Candidate {
  codec::Encoding encoding;
  std::uint64_t bytes = 0;
  double loss = 0;
  double relative_error = 0;  // predicted ||W - W^||_F / ||W||_F
};

// Candidates in ascending bytes and strictly descending loss: nobody in it is dominated.
using Curve = std::vector<Candidate>;

// Drops dominated candidates (another one is no larger and no worse) and sorts; the first of equals stays.
Curve pareto(std::vector<Candidate> candidates);

// Indices into `curve` of its lower convex hull, ascending in bytes; the slopes (loss saved per byte) descend
// strictly.
std::vector<std::size_t> lower_hull(const Curve& curve);

// The loss of the candidates that price() gives. The layers of a model are a cascade: what all of them
// together keep of the signal's energy is about the product of what each keeps, 1 - e^2. Its logarithm is a
// sum, and a layer that is lost (e^2 above 0.999: a straight line from there) is not worth what it saves.
double retention_loss(double squared_error);
// The error e of a loss -log(1 - e^2).
double error_of_loss(double loss);

}  // namespace tt::plan

// `lowrank` with coded factors from the side of the encoder: what a weight costs at any step, and its cores.
//
// With C' = U U^T (tensor/sic.h) and the singular values of the weight in its metric, W U = P S Q^T (outputs
// on the left), W is approximated by a product of P, a unit vector a column, and R = P^+ W. An error in
// element i of column k of P costs sigma_k^2 of it in the output, one in row k of R what C' says: so both are
// coded by successive interference cancellation with the same s, P in the metric diag(sigma^2) (steps
// s / sigma_k), R in C. This is reverse water-filling over the components: each coded number costs the output
// s^2 / 12, and a component with sigma_k below about s sqrt(m) / 2 rounds to zero and is left out, so that
// the rank needs no search. R is solved for the *rounded* P (least squares; C does not matter there).
// That optimum counts what it can see. How much the rest of the model makes of an error in each output it
// does not, and there strong components matter more than their share: so R is coded twice as finely, which
// costs the plan's error and gains the model's (mnist_mlp_1024 at 25 to 70 kB and shakespeare_gpt at 330 to
// 400 kB: a tenth to two fifths less damage; MiniLM at 9.6 MB: 3 % more). Without calibration the strength of
// the inputs is not seen either: P and R are coded four times as finely (mnist_mlp_1024 in 70 kB: 97.9 %
// instead of 96.7 % right). Difference to quantising U S^1/2 and S^1/2 V^T with one step: that spends bits on
// weak components as if they were strong; here half the bytes and less at equal error (docs/quality.md).
//
// Only for weights whose norm is between 1e-30 and 1e37 and whose largest value is below a sixteenth of what
// their type can hold: then no factor and no product overflows.
//
// A tall weight, a table of tokens first of all, has next to no numbers in the factor of its shorter side:
// all components can be kept, and the longer factor then is the table in the basis of its own covariance (a
// Karhunen-Loeve transform; MiniLM's table of tokens: 4 to 8 % fewer bytes than quant at equal error). The
// shorter side is the one of unit vectors there, and errors are predicted from some of the inputs.
//
// s is the one of `quant` at the same Encoding::step: both then lose as much output for the last bit.
#pragma once

#include "codec/quant.h"

namespace tt::codec {

// One side at least eight times the other.
bool is_tall(const WeightLayout& layout);

// As many components as are fewer numbers than the weight (at least one), all of a tall one; 2^28 numbers in
// all at most. A decoder refuses more.
std::uint64_t most_coded_rank(const WeightLayout& layout);

// False where the weight is too large or small, or its values are not finite.
bool has_coded_factors(const WeightData& weight);

class FactorQuantiser {
 public:
  // No more than `max_rank` components are coded (0: as many as pay). `plan` must outlive it. `sampled`:
  // numbers of the longer factor of a tall weight that at() looks at (0: all). The weight
  // has_coded_factors(). Errors: as Quantiser.
  FactorQuantiser(const WeightData& weight, const tensor::SicPlan& plan, std::uint64_t max_rank = 0,
                  std::uint64_t sampled = 0);
  FactorQuantiser(const FactorQuantiser&) = delete;
  FactorQuantiser& operator=(const FactorQuantiser&) = delete;

  // At and above it next to nothing but zeros is left.
  double largest_step() const;
  std::uint64_t max_rank() const { return sigma_.size(); }

  struct Point {
    QuantPoint cost;
    std::uint64_t rank = 0;
  };
  // Errors are those of some of the outputs, and of a tall weight of some of the inputs, where there are
  // many.
  Point at(double step) const;
  double step_for_rate(double rate) const;
  // Not after it was told to sample.
  std::vector<Core> cores(double step) const;

 private:
  struct Factors;
  // All inputs of the weight, or some.
  struct Inputs {
    const tensor::SicPlan* plan = nullptr;
    std::uint64_t count = 0;
    std::vector<float> by_output = {};  // outputs x count
    double part = 1;                    // of all
  };
  void sample_inputs(std::uint64_t numbers);
  tensor::SicCodes directions(double s) const;
  Factors factors(double step, const Inputs& of) const;
  void measure(const Factors& factors, const Inputs& of, QuantPoint& point) const;
  bool unseen() const { return all_.plan->uniform() && !tall_; }

  bool tall_ = false;
  std::optional<tensor::SicPlan> own_plan_, sampled_plan_;
  Inputs all_, sampled_;
  std::uint64_t outputs_ = 0;
  double unit_ = 0;  // s at step 1
  double energy_ = 0, norm_ = 0;
  std::vector<float> directions_;  // rank x outputs: P^T
  std::vector<double> sigma_;
};

// The factors in `cores`, two of them. Errors: corrupt.
tensor::LowRank read_coded_factors(const WeightLayout& layout, const CoreReader& cores);
// Their rank, without decoding them.
std::uint64_t coded_rank(const CoreReader& cores);

}  // namespace tt::codec

#include "pipeline/size_goal.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "plan/known_sizes.h"

namespace tt::pipeline {
namespace {

// Bytes of header and manifest, and of both for a weight, to start the search with.
constexpr std::uint64_t kFixedGuess = 1000, kEntryGuess = 48;

std::string ratio_text(std::uint64_t part, std::uint64_t whole) {
  const std::uint64_t tenths = whole == 0 ? 0 : (part * 10000 + whole - 1) / whole;
  const std::string fraction = std::to_string(10000 + tenths % 10000);
  return std::to_string(tenths / 10000) + "." + fraction.substr(1);
}

// The state of the search over planner budgets.
class Search {
 public:
  Search(const std::vector<plan::Curve>& curves, const plan::Importances& importances,
         const container::Writer& writer, Encoder& encoder, std::uint64_t goal, base::Progress& progress)
      : curves_(curves),
        importances_(importances),
        writer_(writer),
        encoder_(encoder),
        goal_(goal),
        progress_(progress),
        known_(curves.size()) {}

  // Weighs the plan of `budget`; keeps it if it fits and is the largest so far. Returns the file's size.
  std::uint64_t attempt(const plan::Plan& plan) {
    FittedPlan fitted = fit_plan(plan, best_ ? &best_->plan : nullptr, writer_, encoder_, progress_);
    const std::uint64_t total = fitted.size.total;
    overhead_ = total - remember(fitted);
    if (total <= goal_ && (!best_ || total > best_->size.total)) best_ = std::move(fitted);
    return total;
  }

  // Nothing is known at first: the smallest plan is taken as good without encoding it. After a file that is
  // too large the budget falls below that plan's own bytes, or the next plan would be the same; by twice as
  // much with every miss in a row.
  void run(const plan::Plan& smallest, std::uint64_t first) {
    std::uint64_t good = smallest.bytes, bad = UINT64_MAX;
    std::uint64_t budget = std::max(smallest.bytes, first);
    std::uint64_t step = 0;
    for (int round = 0; round < kMaxRounds; ++round) {
      const plan::Plan plan = *plan::allocate(curves_, importances_, budget);
      const std::uint64_t total = attempt(plan);
      if (total <= goal_) {
        good = std::max(good, budget);
        if (met()) return;
        step = 0;
        budget = next_budget(budget + (goal_ - total), good, bad);
      } else {
        bad = std::min(bad, plan.bytes);
        step = std::max(total - goal_, 2 * step);
        budget = next_budget(plan.bytes - std::min(plan.bytes, step), good, bad);
      }
      if (bad <= good || budget == good) return;
    }
  }

  // After run(), where estimates jump: prices are corrected by all that was encoded, so that the plan of the
  // whole goal is found again with better prices, until it fits or says nothing new.
  void settle() {
    std::uint64_t overhead = overhead_;
    std::vector<std::size_t> last;
    for (int round = 0; round < kMaxRounds && !met(); ++round) {
      const std::optional<plan::Plan> plan =
          plan::allocate(corrected_curves(), importances_, goal_ - std::min(goal_, overhead));
      if (!plan || plan->choice == last || (best_ && plan->choice == best_->plan.choice)) return;
      last = plan->choice;
      attempt(*plan);
      overhead = std::max(overhead, overhead_);
    }
  }

  std::optional<FittedPlan>& best() { return best_; }

 private:
  bool met() const {
    return best_ && (close_enough(best_->size.total) ||
                     best_->plan.choice == plan::best_plan(curves_, importances_).choice);
  }
  // What every weight of the plan weighs; returns the sum.
  std::uint64_t remember(const FittedPlan& fitted) {
    std::uint64_t sum = 0;
    for (std::size_t w = 0; w < known_.size(); ++w) {
      std::uint64_t bytes = 0;
      for (const codec::Core& core : fitted.weights[w]->cores) bytes += core.bytes.size();
      known_[w][fitted.plan.choice[w]] = bytes;
      sum += bytes;
    }
    return sum;
  }
  std::vector<plan::Curve> corrected_curves() const {
    std::vector<plan::Curve> curves;
    for (std::size_t w = 0; w < curves_.size(); ++w) curves.push_back(plan::corrected(curves_[w], known_[w]));
    return curves;
  }
  bool close_enough(std::uint64_t total) const {
    return static_cast<double>(goal_ - total) <= kSlack * static_cast<double>(goal_);
  }
  // A proposal outside the bracket becomes its middle.
  static std::uint64_t next_budget(std::uint64_t proposal, std::uint64_t good, std::uint64_t bad) {
    if (proposal > good && proposal < bad) return proposal;
    return bad == UINT64_MAX ? std::max(proposal, good) : good + (bad - good) / 2;
  }

  const std::vector<plan::Curve>& curves_;
  const plan::Importances& importances_;
  const container::Writer& writer_;
  Encoder& encoder_;
  std::uint64_t goal_;
  base::Progress& progress_;
  std::optional<FittedPlan> best_;
  std::vector<plan::KnownSizes> known_;  // by weight
  std::uint64_t overhead_ = 0;           // of the last file: everything but cores
};

}  // namespace

void throw_unreachable(std::uint64_t goal, std::uint64_t smallest, std::uint64_t bytes_in) {
  throw base::Error(base::ErrorKind::goal_unreachable,
                    "cannot reach " + std::to_string(goal) + " bytes: the smallest possible file has " +
                        std::to_string(smallest) + " bytes (ratio " + ratio_text(smallest, bytes_in) + ")",
                    smallest < bytes_in ? "use --target-ratio " + ratio_text(smallest, bytes_in) + " or more"
                                        : "nothing in this model can be made smaller");
}

FittedPlan fit_plan(const plan::Plan& plan, const plan::Plan* keep, const container::Writer& writer,
                    Encoder& encoder, base::Progress& progress) {
  FittedPlan fitted{plan, encoder.encode(plan, keep, progress), {}};
  fitted.size = writer.size(fitted.weights);
  return fitted;
}

std::uint64_t core_budget(std::uint64_t goal, const container::Writer& writer, std::size_t weights) {
  return goal - std::min(goal, writer.skeleton_size() + kFixedGuess + kEntryGuess * weights);
}

FittedPlan fit_to_size(const std::vector<plan::Curve>& curves, const plan::Importances& importances,
                       const container::Writer& writer, Encoder& encoder, std::uint64_t goal,
                       std::uint64_t bytes_in, base::Progress& progress) {
  const plan::Plan smallest = plan::smallest_plan(curves, importances);
  Search search(curves, importances, writer, encoder, goal, progress);
  search.run(smallest, core_budget(goal, writer, curves.size()));
  search.settle();
  if (search.best()) return std::move(*search.best());
  const std::uint64_t least = search.attempt(smallest);
  if (!search.best()) throw_unreachable(goal, least + kGoalDigits, bytes_in);
  return std::move(*search.best());
}

}  // namespace tt::pipeline

// Use case: one model compressed whole to many sizes in several ways, each file measured on samples as verify
// does it: what a byte buys, and which ways are not worth their bytes.
//
// Families, and what is set:
//   auto     compress as it is by default, to a ratio
//   svd, tt  compress --method svd or tt, to a ratio
//   svd-rank every matrix and kernel as float16 factors of one rank, unweighted
//   tt-rank  every matrix and kernel as an unweighted tensor train of float32 cores in small_modes
//            (tensor/mode_shapes.h), one largest rank for all bonds: the curve that tutorials show
// A rank at which nothing would become smaller is the last one of its family. The other weights of a rank
// family stay exact; BatchNormalization is not folded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "pipeline/compress.h"
#include "pipeline/sweep_figures.h"
#include "pipeline/sweep_settings.h"
#include "pipeline/verify.h"

namespace tt::pipeline {

struct SweepOptions {
  CompressOptions compress;  // input, calib and so on: goals, method, plan and outputs do not count
  VerifyOptions verify;      // samples, labels, task and so on: models, gates and outputs do not count
  SweepGrid grid;
  bool latency = true;     // also that of the factored form of every file, against the original's
  std::string checkpoint;  // what is done so far is kept here, and stays: remove it when the report is safe
  bool resume = false;     // go on from there
};

struct SweepPoint {
  SweepSetting setting;
  std::uint64_t bytes = 0;  // of the .tt file; 0: there is none
  double ratio = 0;         // bytes / bytes of the original
  std::string why_not;      // why there is no file
  std::vector<Figure> figures;
  double damage = 0;           // SweepReport::measure of it: smaller is better
  bool dominated = false;      // mark_dominated
  std::string dominated_by{};  // of those that dominate it the one of least damage: its id
};

struct SweepReport {
  std::string model, data;
  std::uint64_t bytes_in = 0, samples = 0, resumed = 0;  // resumed: points that were done before
  std::string task, measure;                             // "kl_mean", "cosine_loss", "relative_error"
  std::vector<Figure> original;                          // of the original itself, as far as there are any
  std::vector<SweepPoint> points;                        // family by family, in the order of the grid
  std::vector<std::string> warnings;                     // each once
};

// What can be found before the work: usage: no samples, standard input, a wrong grid; not_found; unsupported:
// safetensors; bad_data: a checkpoint of another model, samples or options.
void check_sweep(const SweepOptions& options);

// Errors: those of check_sweep, compress and verify. A size that cannot be reached is a point
// without a file, not an error.
SweepReport sweep(const SweepOptions& options, base::Progress& progress);

// A file is dominated if another does less damage and is at most 1 % larger (compress meets a ratio to within
// that), or does the same and is smaller. Points without a file are not compared.
void mark_dominated(std::vector<SweepPoint>& points);

}  // namespace tt::pipeline

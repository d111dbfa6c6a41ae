// The points of a sweep as JSON: in its report, and in the file by which it goes on after an interruption.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "pipeline/sweep.h"

namespace tt::pipeline {

// {"id","family","target_ratio","rank","bytes","ratio","compression","figures":{NAME: value},"damage",
// "dominated","dominated_by","why_not"}; null for what there is not.
base::Json point_json(const SweepPoint& point);

class SweepCheckpoint {
 public:
  // `path` empty: nothing is kept. `identity`: what the figures depend on beside the setting
  // (sweep_identity). With `resume` and a file at `path` its points are taken over. Errors: bad_data: no
  // checkpoint, one of another identity, or one with texts that this program does not write.
  SweepCheckpoint(std::string path, base::Json identity, bool resume);

  // Null if it has not been measured.
  const SweepPoint* find(const SweepSetting& setting) const;
  // Adds a point and writes the file (complete or as it was before).
  void add(const SweepPoint& point);
  // Of all points, as the runs before found it: keys of SweepReport.
  std::string task, measure;
  std::uint64_t samples = 0;
  std::vector<Figure> original;
  std::vector<std::string> warnings;

 private:
  void read();
  void write() const;

  std::string path_;
  base::Json identity_;
  std::vector<SweepPoint> points_;
};

// Hashes of the model, samples, labels and calibration, and every option that decides a figure. Errors: those
// of reading them.
base::Json sweep_identity(const SweepOptions& options);

}  // namespace tt::pipeline

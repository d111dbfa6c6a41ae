#include "runtime/rows.h"

#include "base/error.h"

namespace tt::runtime {

Rows rows_of(const tensor::Shape& shape) {
  Rows rows;
  if (shape.empty()) return rows;
  rows.samples = shape[0];
  const tensor::Shape sample(shape.begin() + 1, shape.end());
  const std::uint64_t values = tensor::element_count(sample), last = sample.empty() ? 1 : sample.back();
  rows.length = last == 1 ? values : last;
  rows.per_sample = rows.length == 0 ? 0 : values / rows.length;
  return rows;
}

void require_same_shape(const Array& original, const Array& candidate, const std::string& what) {
  if (original.shape == candidate.shape) return;
  throw base::Error(base::ErrorKind::bad_data,
                    what + " of the candidate has the shape " + tensor::shape_text(candidate.shape) +
                        " where the original has " + tensor::shape_text(original.shape),
                    "both models must take the same samples and give the same outputs");
}

}  // namespace tt::runtime

// External data: the files beside the model, and the ranges that tensors claim in them.
#pragma once

#include <string>
#include <vector>

#include "model/graph.h"
#include "model/model.h"

namespace tt::model {

// Opens every file that external tensors name (relative to `folder`, never outside it) behind files[0], the
// model file, and sets the places of these tensors. Tensors with the very same range and type are left as
// they are (one weight); ranges that overlap in part lose `whole` and get a note. Errors: bad_data: no
// location, offset or length no decimal number, range outside the file, size other than the dimensions say,
// path refused; not_found: file absent.
void resolve_external_data(Onnx& onnx, const std::string& folder, const OpenOptions& options,
                           std::vector<SourceFile>& files);

// The same with the files `beside` alone, by their locations. Errors: also bad_data for a location that is
// none of theirs.
void resolve_external_data(Onnx& onnx, std::vector<SourceFile> beside, std::vector<SourceFile>& files);

}  // namespace tt::model

// The reports of `tt verify`; the keys of the JSON are documented in docs/cli.md and stable.
#pragma once

#include <string>

#include "base/json.h"
#include "pipeline/verify.h"

namespace tt::cli {

base::Json verify_json(const pipeline::VerifyReport& report);
base::Json integrity_json(const pipeline::IntegrityReport& report);
base::Json pair_json(const pipeline::PairReport& report);

// Tables for people. Warnings are not in them.
std::string verify_text(const pipeline::VerifyReport& report);
std::string integrity_text(const pipeline::IntegrityReport& report);
std::string pair_text(const pipeline::PairReport& report);

// "2 of 3 gates failed: ..."; empty if the report passed.
std::string failure_text(const pipeline::VerifyReport& report);

}  // namespace tt::cli

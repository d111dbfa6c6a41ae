// A report as one HTML page that needs nothing beside itself: charts, tables, light and dark.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace tt::cli {

// What a page keeps of a report.
struct PageDetail {
  std::size_t spectrum;  // singular values of a weight
  std::size_t topics;    // of a dominant pattern
  std::size_t weights;   // the largest ones
  std::size_t entries;   // of any other list
};

// `report` (JSON of --json) for a page: numbers with 6 significant digits, long texts cut after 300
// characters, without what differs from run to run (seconds, peak_rss_bytes) and what no chart shows (nodes,
// the spectra of unfoldings). Of a spectrum that is longer than `detail.spectrum` the values at `indices` (a
// new key, from 0) remain, dense at its beginning and its end; of the weights the largest, in their order.
base::Json page_data(const base::Json& report, const PageDetail& detail);

// JSON for a <script> element: no <, >, & nor line ends of JavaScript; it reads back to the same values.
std::string script_json(const base::Json& json);

// The page of `command` (analyze, compress or verify); details are left out until it has less than 3,000,000
// bytes. Every text of the report reaches the document as text, whatever it holds.
std::string report_page(std::string_view command, const base::Json& report);

}  // namespace tt::cli

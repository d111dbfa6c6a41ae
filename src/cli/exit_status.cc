#include "cli/exit_status.h"

#include <cstdio>
#include <new>

#include "base/json.h"
#include "base/text.h"
#include "cli/standard_output.h"

namespace tt::cli {
namespace {

using base::Error;
using base::ErrorKind;
using base::Json;
using base::JsonObject;

// A message is one line: names in it are escaped where they are quoted, what a library says may not be.
std::string one_line(std::string text) {
  for (char& letter : text)
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = ' ';
  return text;
}

// What to do where the thrower could not know better.
std::string hint_of(const Error& error) {
  if (!error.hint().empty()) return one_line(error.hint());
  switch (error.kind()) {
    case ErrorKind::usage:
      return "see 'tt help'";
    case ErrorKind::config:
      return "see 'man 5 tt.toml'";
    case ErrorKind::bad_data:
      return "check that the file is what it should be, and that it is complete";
    case ErrorKind::corrupt:
      return "the file was changed or cut after it was written: fetch or make it again";
    case ErrorKind::unsupported:
      return "use a newer tt, or another file";
    case ErrorKind::resource_limit:
      return "the file claims more than tt allows, or --max-memory is too small";
    case ErrorKind::goal_unreachable:
      return "choose a goal that can be met";
    case ErrorKind::gate_failed:
      return "compress less, or with calibration, or choose another limit";
    case ErrorKind::not_found:
      return "check the path, and that you may read it";
    case ErrorKind::network:
      return "check the address and the connection, then try again";
    case ErrorKind::internal:
      return "this is a bug of tt, please report it";
    case ErrorKind::cannot_create:
      return "check that the folder exists and that you may write there";
    case ErrorKind::write_failed:
      return "check the free space of the disk and that the reader is still there";
    case ErrorKind::locked:
      return "wait until the other tt has ended";
    case ErrorKind::denied:
      return "check the key and the permissions";
    case ErrorKind::interrupted:
    case ErrorKind::terminated:
      return "nothing was written";
  }
  return {};
}

Json error_json(const Error& error) {
  return Json(JsonObject{{"error", Json(JsonObject{{"kind", Json(base::kind_name(error.kind()))},
                                                   {"message", Json(one_line(error.what()))},
                                                   {"hint", Json(hint_of(error))}})}});
}

}  // namespace

int exit_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::goal_unreachable:
    case ErrorKind::gate_failed:
      return 1;
    case ErrorKind::usage:
      return 64;
    case ErrorKind::bad_data:
    case ErrorKind::corrupt:
    case ErrorKind::unsupported:
    case ErrorKind::resource_limit:
      return 65;
    case ErrorKind::not_found:
      return 66;
    case ErrorKind::network:
      return 69;
    case ErrorKind::internal:
      return 70;
    case ErrorKind::cannot_create:
      return 73;
    case ErrorKind::write_failed:
      return 74;
    case ErrorKind::locked:
      return 75;
    case ErrorKind::denied:
      return 77;
    case ErrorKind::config:
      return 78;
    case ErrorKind::interrupted:
      return 130;
    case ErrorKind::terminated:
      return 143;
  }
  return 70;
}

Error as_error(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::resource_limit, "not enough memory",
                 "raise --max-memory, or use fewer --threads");
  } catch (const std::exception& error) {
    return Error(ErrorKind::internal, std::string("unexpected failure, ") + error.what(),
                 "this is a bug of tt, please report it");
  } catch (...) {
    return Error(ErrorKind::internal, "unexpected failure", "this is a bug of tt, please report it");
  }
}

int report_error(const Error& error, bool json) {
  const int status = exit_status(error.kind());
  std::fprintf(stderr, "tt: error: %s\n", one_line(error.what()).c_str());
  std::fprintf(stderr, "tt: hint: %s\n", hint_of(error).c_str());
  try {
    // The report of a gate that failed is on standard output already.
    if (json && error.kind() != ErrorKind::gate_failed) print(error_json(error).dump() + "\n");
  } catch (const std::exception&) {
    // Standard output is gone; the status of the first error stands.
  }
  return status;
}

}  // namespace tt::cli

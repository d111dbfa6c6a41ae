#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace tt::base {
namespace {

constexpr const char* kTextPattern = "tt: %l: %v";
// The message comes as a JSON string.
constexpr const char* kJsonPattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})";

struct Log {
  std::mutex mutex;  // of the settings
  spdlog::logger logger{"tt", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  bool json = false;

  Log() {
    // A closed stderr must not disturb the work.
    logger.set_error_handler([](const std::string&) {});
    set(spdlog::level::info, false);
  }
  void set(spdlog::level::level_enum level, bool as_json) {
    json = as_json;
    logger.set_level(level);
    logger.set_formatter(std::make_unique<spdlog::pattern_formatter>(as_json ? kJsonPattern : kTextPattern,
                                                                     spdlog::pattern_time_type::utc));
  }
};

Log& the_log() {
  static Log log;
  return log;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::debug:
      return spdlog::level::debug;
  }
  return spdlog::level::info;
}

std::optional<LogLevel> level_of(std::string_view name) {
  if (name == "error") return LogLevel::error;
  if (name == "warn" || name == "warning") return LogLevel::warn;
  if (name == "info") return LogLevel::info;
  if (name == "debug") return LogLevel::debug;
  return std::nullopt;
}

}  // namespace

void configure_log(const std::string& level, const std::string& format) {
  const std::optional<LogLevel> parsed = level_of(level);
  if (!parsed)
    throw Error(ErrorKind::usage, "unknown log level " + quoted(level), "give error, warn, info or debug");
  if (format != "text" && format != "json") {
    throw Error(ErrorKind::usage, "unknown log format " + quoted(format), "give text or json");
  }
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  log.set(spdlog_level(*parsed), format == "json");
}

void log(LogLevel level, std::string_view message) {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  if (log.json) {
    log.logger.log(spdlog_level(level), Json(message).dump());
  } else {
    log.logger.log(spdlog_level(level), spdlog::string_view_t(message.data(), message.size()));
  }
}

}  // namespace tt::base

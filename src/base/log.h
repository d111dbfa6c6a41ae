// Talk goes to stderr: leveled, as text or one JSON object a line.
#pragma once

#include <string>
#include <string_view>

namespace tt::base {

enum class LogLevel { error, warn, info, debug };

// Errors: usage for an unknown level or format ("text", "json").
void configure_log(const std::string& level, const std::string& format);
void log(LogLevel level, std::string_view message);
inline void log_warn(std::string_view message) {
  log(LogLevel::warn, message);
}
inline void log_info(std::string_view message) {
  log(LogLevel::info, message);
}
inline void log_debug(std::string_view message) {
  log(LogLevel::debug, message);
}

}  // namespace tt::base

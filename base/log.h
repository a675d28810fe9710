#pragma once

#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace stowage {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

/// One key and its value. Keys are fixed words: pod, node, deployment, namespace, error, ...
struct LogField {
  std::string_view key;
  std::string value;
};

/// Structured log: a constant message plus fields. Injected; decisions return reasons instead of logging.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) = 0;

  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kDebug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kInfo, message, fields);
  }
  void warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kWarn, message, fields);
  }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
    write(LogLevel::kError, message, fields);
  }
};

enum class LogFormat { kText, kJson };

/// Writes one line an entry to a stream (stderr in the processes). Not thread-safe: one control thread.
class StreamLogger final : public Logger {
 public:
  /// `out` and `clock` outlive the logger; entries below `minimum` are dropped.
  StreamLogger(std::FILE* out, LogFormat format, LogLevel minimum, const Clock& clock)
      : out_(out), format_(format), minimum_(minimum), clock_(clock) {}
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) override;

 private:
  std::FILE* out_;
  LogFormat format_;
  LogLevel minimum_;
  const Clock& clock_;
};

/// Drops everything: for tests that do not read logs.
class NullLogger final : public Logger {
 public:
  void write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

/// `text` as a JSON string with quotes; bytes that are not valid UTF-8 become U+FFFD.
std::string json_quote(std::string_view text);

}  // namespace stowage

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace stowage::sandbox {

class Watch;

/// An HTTP request as a value; the front, or an in-process transport, makes one.
struct Request {
  std::string method;        ///< "GET", "POST", ...
  std::string path;          ///< "/api/v1/pods", percent-encoded as received.
  std::string query;         ///< What follows '?', raw.
  std::string accept;        ///< Accept header.
  std::string content_type;  ///< Content-Type header.
  std::string user_agent;    ///< Default field manager is what precedes its '/'.
  std::string user;          ///< Who asks; only recorded.
  std::string body;
};

/// Text that goes on after the answer's body. Lives no longer than its Server.
class TextStream {
 public:
  virtual ~TextStream() = default;
  /// What came since the last call; may be empty.
  virtual std::string next(WallTime now) = 0;
  /// Nothing will come any more.
  [[nodiscard]] virtual bool ended() const = 0;
};

/// The answer. A watch has no body: pull its frames from `watch`.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::unique_ptr<Watch> watch = {};
  std::unique_ptr<TextStream> stream =
      {};  ///< A followed log: what comes after the body, asked for again and again.
};

/// Query parameters, percent-decoded, in order.
class Query {
 public:
  /// Reads "a=1&b=2". Malformed escapes stay as they are.
  explicit Query(std::string_view raw);
  /// First value of the parameter; empty when absent.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  /// True where it is given, but for "false" and "0" (apimachinery's conversion of booleans).
  [[nodiscard]] bool flag(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// The first malformed escape ("%zz", "%1"), or empty.
std::string_view bad_escape(std::string_view text);
/// Percent-decodes; '+' is a space only when asked (queries).
std::string percent_decode(std::string_view text, bool plus_is_space);

}  // namespace stowage::sandbox

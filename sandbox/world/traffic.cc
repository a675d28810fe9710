#include "sandbox/world/traffic.h"

#include <algorithm>
#include <charconv>

#include "base/duration.h"

namespace stowage::sandbox {
namespace {

std::optional<double> rate_of(std::string_view text) {
  double out = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool whole = failure == std::errc() && end == text.data() + text.size();
  return whole && out >= 0 && out <= 1e6 ? std::optional(out) : std::nullopt;  // not NaN either
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

}  // namespace

double Traffic::at(Millis since) const {
  double rate = 0;
  for (const auto& [offset, value] : steps) {
    if (offset <= since) rate = value;
  }
  return rate;
}

bool Traffic::any_after(Millis since) const {
  return at(since) > 0 || std::any_of(steps.begin(), steps.end(), [&](const auto& step) {
           return step.first > since && step.second > 0;
         });
}

std::optional<Traffic> parse_traffic(std::string_view text) {
  Traffic out;
  text = trimmed(text);
  if (const auto rate = rate_of(text)) return Traffic{{{Millis{0}, *rate}}};
  while (!text.empty()) {
    const std::string_view step = trimmed(text.substr(0, text.find(',')));
    text.remove_prefix(
        std::min(text.size(), text.find(',') == std::string_view::npos ? text.size() : text.find(',') + 1));
    const size_t equals = step.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto offset = parse_duration(trimmed(step.substr(0, equals)));
    const auto rate = rate_of(trimmed(step.substr(equals + 1)));
    if (!offset || !rate || (!out.steps.empty() && *offset <= out.steps.back().first)) return std::nullopt;
    out.steps.emplace_back(*offset, *rate);
  }
  return out.steps.empty() ? std::nullopt : std::optional(std::move(out));
}

}  // namespace stowage::sandbox

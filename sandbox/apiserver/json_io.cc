#include "sandbox/apiserver/json_io.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "sandbox/apiserver/go_text.h"
#include "sandbox/apiserver/json_fast.h"
#include "sandbox/apiserver/parsed.h"

namespace stowage::sandbox {
namespace {

/// Builds the tree while it bounds depth and size and remembers keys that come twice.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(const InputLimits& limits) : limits_(limits) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Frame& top = stack_.back();
    if (top.node->contains(name)) parsed.duplicates.push_back(path() + name);
    top.key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    // nlohmann's text carries its own error number in brackets; people want what follows it.
    std::string_view text = e.what();
    if (const size_t end = text.find("] "); end != std::string_view::npos) text.remove_prefix(end + 2);
    error = fmt::format("invalid JSON near byte {}: {}", position, text.substr(0, 300));
    stopped_at = position;
    syntax = true;
    return false;
  }

  Parsed parsed;
  std::string error;
  std::size_t stopped_at = 0;  ///< Bytes read before the mistake.
  bool syntax = false;         ///< It is no JSON; else a limit was passed.

 private:
  struct Frame {
    Json* node;
    std::string key;
  };

  std::string path() const {
    std::string out;
    for (size_t i = 0; i + 1 < stack_.size(); ++i) {
      if (stack_[i].node->is_array()) {
        out = fmt::format("{}[{}].", out.substr(0, out.size() - 1), stack_[i].node->size() - 1);
      } else {
        out += stack_[i].key + ".";
      }
    }
    return out;
  }

  Json* place(Json value) {
    if (++nodes_ > limits_.nodes) {
      error = fmt::format("document has more than {} values", limits_.nodes);
      return nullptr;
    }
    if (stack_.empty()) {
      parsed.value = std::move(value);
      return &parsed.value;
    }
    Json& parent = *stack_.back().node;
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    Json& slot = parent[stack_.back().key];
    slot = std::move(value);
    return &slot;
  }

  template <class T>
  bool put(T value) {
    return place(Json(std::move(value))) != nullptr;
  }

  bool open(Json value) {
    if (static_cast<int>(stack_.size()) >= limits_.depth) {
      error = fmt::format("document is nested deeper than {} levels", limits_.depth);
      return false;
    }
    Json* node = place(std::move(value));
    if (node == nullptr) return false;
    stack_.push_back({node, {}});
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  InputLimits limits_;
  std::vector<Frame> stack_;
  size_t nodes_ = 0;
};

bool is_null_word(std::string_view s) {
  return s.empty() || s == "~" || s == "null" || s == "Null" || s == "NULL";
}

/// Whole numbers with the bases of Go's literals (0x1f, 0o17, 017, 0b101), and underlines anywhere.
std::optional<int64_t> yaml_integer(std::string text) {
  if (text.find_first_of("0123456789") == std::string::npos) return std::nullopt;
  std::erase(text, '_');
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.erase(0, 1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.erase(0, mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, failure] = std::from_chars(text.data(), end, value, base);
  if (failure != std::errc() || at != end || value > uint64_t{INT64_MAX}) return std::nullopt;
  return negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
}

Json plain_scalar(const std::string& text) {
  if (is_null_word(text)) return nullptr;
  // The words of YAML 1.1, which Kubernetes' own parser still reads so.
  for (const std::string_view word :
       {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"}) {
    if (text == word) return true;
  }
  for (const std::string_view word :
       {"n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"}) {
    if (text == word) return false;
  }
  if (const auto integer = yaml_integer(text)) return *integer;
  const char* begin = text.data();
  const char* end = begin + text.size();
  double real = 0;
  if (text.find_first_not_of("0123456789+-.eE") == std::string::npos) {
    if (auto [at, failure] = std::from_chars(*begin == '+' ? begin + 1 : begin, end, real);
        failure == std::errc() && at == end && std::isfinite(real)) {
      return real;
    }
  }
  return text;
}

/// Members of a map, or of several, that `into` has not; false when it is neither.
bool merge_keys(Json& into, const Json& from) {
  if (from.is_array())
    return std::all_of(from.begin(), from.end(),
                       [&](const Json& map) { return map.is_object() && merge_keys(into, map); });
  if (!from.is_object()) return false;
  for (const auto& [key, value] : from.items())
    into.emplace(key, value);
  return true;
}

Answer<Json> from_yaml(const YAML::Node& node, const InputLimits& limits, int depth, size_t& nodes) {
  if (++nodes > limits.nodes)
    return bad_request(fmt::format("document has more than {} values", limits.nodes));
  if (depth > limits.depth) {
    return bad_request(fmt::format("document is nested deeper than {} levels", limits.depth));
  }
  switch (node.Type()) {
    case YAML::NodeType::Sequence: {
      Json out = Json::array();
      for (const YAML::Node& item : node) {
        auto value = from_yaml(item, limits, depth + 1, nodes);
        if (!value) return value;
        out.push_back(*std::move(value));
      }
      return out;
    }
    case YAML::NodeType::Map: {
      Json out = Json::object();
      Json inherited = Json::object();  // of the merge key "<<": what stands beside it wins
      for (const auto& pair : node) {
        if (!pair.first.IsScalar())
          return bad_request("error converting YAML to JSON: a key is not a scalar");
        auto value = from_yaml(pair.second, limits, depth + 1, nodes);
        if (!value) return value;
        if (pair.first.Scalar() == "<<" && pair.first.Tag() != "!") {
          if (!merge_keys(inherited, *value))
            return bad_request(
                "error converting YAML to JSON: yaml: map merge requires map or sequence of maps as the "
                "value");
        } else {
          out[pair.first.Scalar()] = *std::move(value);
        }
      }
      merge_keys(out, inherited);
      return out;
    }
    case YAML::NodeType::Scalar:
      // "!" is the tag that yaml-cpp gives a quoted scalar.
      return node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str" ? Json(node.Scalar())
                                                                        : plain_scalar(node.Scalar());
    default:
      return Json(nullptr);
  }
}

/// yaml-cpp's parser recurses without a bound: refuse depth before it sees the text. Counts open flow
/// brackets and the indentation steps of block style, both over-estimates.
bool yaml_too_deep(std::string_view text, int limit) {
  int flow = 0;
  size_t widest_run = 0;
  size_t run = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') ++flow;
    if ((c == ']' || c == '}') && flow > 0) --flow;
    if (flow > limit) return true;
    // "- - - -" and "? ? ? ?" open one level each.
    run = c == '-' || c == '?' || c == ' ' || c == ':' ? run + 1 : 0;
    widest_run = std::max(widest_run, run);
  }
  return widest_run > static_cast<size_t>(limit) * 4;
}

}  // namespace

Answer<Parsed> parse_json(std::string_view given, const InputLimits& limits) {
  if (given.size() > limits.bytes) return too_large(limits.bytes);
  if (given.starts_with("\xef\xbb\xbf")) {
    Refusal refusal = bad_request("invalid character '\u00ef' looking for beginning of value");
    refusal.error().line = 1;
    return refusal;
  }
  if (auto tree = parse_fast(given, limits)) return Parsed{*std::move(tree), {}};
  const std::string text = go_json_text(given);
  Builder builder(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    Refusal refusal = bad_request(builder.error.empty() ? "invalid JSON" : builder.error);
    const std::string_view read = std::string_view(text).substr(0, builder.stopped_at);
    if (builder.syntax)
      refusal.error().line = 1 + static_cast<int>(std::count(read.begin(), read.end(), '\n'));
    return refusal;
  }
  return std::move(builder.parsed);
}

Answer<Parsed> parse_yaml(std::string_view text, const InputLimits& limits) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') {
    if (auto json = parse_json(text, limits)) return json;
  }
  if (text.size() > limits.bytes) return too_large(limits.bytes);
  if (yaml_too_deep(text, limits.depth)) {
    return bad_request(fmt::format("document is nested deeper than {} levels", limits.depth));
  }
  try {
    size_t nodes = 0;
    auto value = from_yaml(YAML::Load(std::string(text)), limits, 0, nodes);
    if (!value) return std::unexpected(std::move(value).error());
    return Parsed{*std::move(value), {}};
  } catch (const YAML::Exception& e) {
    Refusal refusal =
        bad_request(fmt::format("error converting YAML to JSON: yaml: line {}: {}", e.mark.line + 1, e.msg));
    refusal.error().line = e.mark.line + 1;
    return refusal;
  } catch (const std::exception& e) {
    return bad_request(fmt::format("error converting YAML to JSON: {}", e.what()));
  }
}

const Json* find(const Json& value, std::string_view key) {
  if (!value.is_object()) return nullptr;
  const auto it = value.find(key);
  return it == value.end() ? nullptr : &*it;
}

const Json* find_path(const Json& value, std::initializer_list<std::string_view> keys) {
  const Json* at = &value;
  for (const std::string_view key : keys) {
    at = find(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string string_at(const Json& value, std::initializer_list<std::string_view> keys) {
  const Json* at = find_path(value, keys);
  return at != nullptr && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace stowage::sandbox

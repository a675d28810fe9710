#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/clock.h"
#include "sandbox/apiserver/cel/eval.h"
#include "sandbox/apiserver/regex.h"

namespace stowage::sandbox::cel {
namespace {

using Args = std::vector<Value>;

/// Text that one call makes: larger than any that a request could bring.
constexpr size_t kMaxMade = size_t{8} << 20;

const std::string& text(const Args& args, size_t i) {
  if (i < args.size()) {
    if (const auto* s = std::get_if<std::string>(&args[i])) return *s;
  }
  throw EvalError{"no such overload: a string is needed"};
}

int64_t integer(const Args& args, size_t i) {
  if (i < args.size()) {
    if (const auto* n = std::get_if<int64_t>(&args[i])) return *n;
  }
  throw EvalError{"no such overload: an integer is needed"};
}

const Json& list(const Args& args, size_t i) {
  if (i < args.size()) {
    if (const auto* t = std::get_if<Tree>(&args[i])) return **t;
  }
  throw EvalError{"no such overload: a list or map is needed"};
}

size_t code_points(const std::string& s) {
  return static_cast<size_t>(std::count_if(
      s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

Value size_of(const Args& args) {
  if (const auto* s = std::get_if<std::string>(&args.at(0))) return static_cast<int64_t>(code_points(*s));
  return static_cast<int64_t>(list(args, 0).size());
}

/// Decimal and binary suffixes; nothing when it is no quantity.
std::optional<Quantity> parse_quantity_text(std::string_view s) {
  bool negative = false;
  size_t i = 0;
  if (i < s.size() && (s[i] == '+' || s[i] == '-')) negative = s[i++] == '-';
  __int128 nano = 0;
  __int128 place = 100'000'000;
  bool digits = false;
  bool fraction = false;
  for (; i < s.size() && (std::isdigit(static_cast<unsigned char>(s[i])) != 0 || (s[i] == '.' && !fraction));
       ++i) {
    if (s[i] == '.') {
      fraction = true;
      continue;
    }
    digits = true;
    if (fraction) {
      nano += place * (s[i] - '0');
      place /= 10;
    } else {
      nano = nano * 10 + __int128{s[i] - '0'} * 1'000'000'000;
      if (nano > __int128{INT64_MAX} * 1'000'000'000) return std::nullopt;
    }
  }
  if (!digits) return std::nullopt;
  const std::string_view suffix = s.substr(i);
  static const std::map<std::string_view, std::pair<int, int>> scales = {
      // base, exponent
      {"", {10, 0}},   {"k", {10, 3}},  {"M", {10, 6}},  {"G", {10, 9}},  {"T", {10, 12}}, {"P", {10, 15}},
      {"E", {10, 18}}, {"Ki", {2, 10}}, {"Mi", {2, 20}}, {"Gi", {2, 30}}, {"Ti", {2, 40}}, {"Pi", {2, 50}},
      {"Ei", {2, 60}}, {"m", {10, -3}}, {"u", {10, -6}}, {"n", {10, -9}}};
  const auto it = scales.find(suffix);
  if (it == scales.end()) return std::nullopt;
  for (int k = 0; k < it->second.second; ++k) {
    if (nano > __int128{INT64_MAX} * 1'000'000'000) return std::nullopt;
    nano *= it->second.first;
  }
  for (int k = 0; k > it->second.second; --k)
    nano = (nano + 9) / 10;
  return Quantity{negative ? -nano : nano};
}

Quantity quantity(const Args& args, size_t i) {
  if (i < args.size()) {
    if (const auto* q = std::get_if<Quantity>(&args[i])) return *q;
    if (const auto* n = std::get_if<int64_t>(&args[i])) return {__int128{*n} * 1'000'000'000};
  }
  throw EvalError{"no such overload: a quantity is needed"};
}

std::optional<Duration> parse_duration_text(std::string_view s) {
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  if (s == "0") return Duration{0};
  if (s.empty()) return std::nullopt;
  double total = 0;
  static constexpr std::pair<std::string_view, double> kUnits[] = {{"ns", 1},  {"us", 1e3}, {"ms", 1e6},
                                                                   {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};
  while (!s.empty()) {
    double number = 0;
    const auto [end, failure] = std::from_chars(s.data(), s.data() + s.size(), number);
    if (failure != std::errc()) return std::nullopt;
    s.remove_prefix(static_cast<size_t>(end - s.data()));
    const size_t width = std::min(s.size(), s.find_first_of("0123456789."));
    const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits),
                                    [&](const auto& u) { return u.first == s.substr(0, width); });
    if (unit == std::end(kUnits)) return std::nullopt;
    total += number * unit->second;
    s.remove_prefix(width);
  }
  if (!(total <= 9e18)) return std::nullopt;  // nor "nan"
  return Duration{static_cast<int64_t>(negative ? -total : total)};
}

std::string type_name(const Value& value) {
  static constexpr const char* kNames[] = {"null_type",
                                           "bool",
                                           "int",
                                           "double",
                                           "string",
                                           "",
                                           "kubernetes.Quantity",
                                           "google.protobuf.Duration",
                                           "google.protobuf.Timestamp",
                                           "type",
                                           "optional_type"};
  if (const auto* t = std::get_if<Tree>(&value)) return (*t)->is_array() ? "list" : "map";
  return kNames[value.index()];
}

Value to_int(const Args& args) {
  const Value& v = args.at(0);
  if (const auto* i = std::get_if<int64_t>(&v)) return *i;
  if (const auto* d = std::get_if<double>(&v)) {
    if (!(std::abs(*d) < 9.2e18)) throw EvalError{"integer overflow"};
    return static_cast<int64_t>(*d);
  }
  if (const auto* t = std::get_if<Timestamp>(&v)) return t->microseconds / 1'000'000;
  const std::string& s = text(args, 0);
  int64_t out = 0;
  const auto [end, failure] = std::from_chars(s.data(), s.data() + s.size(), out);
  if (failure != std::errc() || end != s.data() + s.size())
    throw EvalError{fmt::format("strconv.ParseInt: parsing \"{}\": invalid syntax", s)};
  return out;
}

Value to_double(const Args& args) {
  if (const auto* d = std::get_if<double>(&args.at(0))) return *d;
  if (const auto* i = std::get_if<int64_t>(&args.at(0))) return static_cast<double>(*i);
  const std::string& s = text(args, 0);
  double out = 0;
  const auto [end, failure] = std::from_chars(s.data(), s.data() + s.size(), out);
  if (failure != std::errc() || end != s.data() + s.size())
    throw EvalError{fmt::format("strconv.ParseFloat: parsing \"{}\": invalid syntax", s)};
  return out;
}

std::string to_text(const Value& value) {
  if (const auto* s = std::get_if<std::string>(&value)) return *s;
  if (const auto* i = std::get_if<int64_t>(&value)) return std::to_string(*i);
  if (const auto* d = std::get_if<double>(&value)) return fmt::format("{}", *d);
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* d = std::get_if<Duration>(&value))
    return fmt::format("{}s", static_cast<double>(d->nanoseconds) / 1e9);
  if (const auto* t = std::get_if<Timestamp>(&value))
    return format_rfc3339(WallTime(std::chrono::microseconds(t->microseconds)));
  return to_json(value).dump();
}

std::string mapped(std::string s, int (*f)(int)) {
  for (char& c : s) {
    if (static_cast<unsigned char>(c) < 0x80) c = static_cast<char>(f(c));
  }
  return s;
}

Value split_text(const Args& args) {
  const std::string& s = text(args, 0);
  const std::string& separator = text(args, 1);
  Json out = Json::array();
  size_t start = 0;
  while (!separator.empty()) {
    const size_t at = s.find(separator, start);
    if (at == std::string::npos) break;
    out.push_back(s.substr(start, at - start));
    start = at + separator.size();
  }
  if (separator.empty()) {
    for (const char c : s)
      out.push_back(std::string(1, c));
  } else {
    out.push_back(s.substr(start));
  }
  return std::make_shared<const Json>(std::move(out));
}

Value join_list(const Args& args) {
  std::string out;
  bool first = true;
  for (const Json& item : list(args, 0)) {
    if (out.size() > kMaxMade) throw Exhausted{};
    if (!first && args.size() > 1) out += text(args, 1);
    first = false;
    out += item.is_string() ? item.get<std::string>() : item.dump();
  }
  return out;
}

Value replace_all(const Args& args) {
  const std::string& s = text(args, 0);
  const std::string& from = text(args, 1);
  const std::string& to = text(args, 2);
  if (from.empty()) return s;
  std::string out;
  size_t start = 0;
  for (size_t at = s.find(from); at != std::string::npos; at = s.find(from, start)) {
    if (out.size() > kMaxMade) throw Exhausted{};
    out.append(s, start, at - start).append(to);
    start = at + from.size();
  }
  return out + s.substr(start);
}

Value substring(const Args& args) {
  const std::string& s = text(args, 0);
  const int64_t begin = integer(args, 1);
  const int64_t end = args.size() > 2 ? integer(args, 2) : static_cast<int64_t>(s.size());
  if (begin < 0 || end > static_cast<int64_t>(s.size()) || begin > end) throw EvalError{"index out of range"};
  return s.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

Value index_of(const Args& args, bool last) {
  if (const auto* t = std::get_if<Tree>(&args.at(0))) {
    int64_t found = -1;
    for (size_t i = 0; i < (*t)->size() && (last || found < 0); ++i) {
      if (equal(args.at(1), (**t)[i])) found = static_cast<int64_t>(i);
    }
    return found;
  }
  const size_t at = last ? text(args, 0).rfind(text(args, 1)) : text(args, 0).find(text(args, 1));
  return at == std::string::npos ? int64_t{-1} : static_cast<int64_t>(at);
}

Value matches(const Args& args) {
  const auto regex = compile_regex(text(args, 1));
  if (!regex) throw EvalError{"error parsing regexp: " + text(args, 1)};
  return search(*regex, text(args, 0));
}

/// min, max, sum of a list, or min and max of arguments.
Value fold(const std::string& name, const Args& args) {
  std::vector<Value> values;
  if (args.size() == 1 && std::holds_alternative<Tree>(args[0])) {
    for (const Json& item : list(args, 0))
      values.push_back(from_json(item));
  } else {
    values = args;
  }
  if (values.empty()) {
    if (name == "sum") return int64_t{0};
    throw EvalError{name + " called on empty list"};
  }
  Value out = values[0];
  for (size_t i = 1; i < values.size(); ++i) {
    if (name == "sum") {
      out = arithmetic("+", out, values[i]);
    } else if ((order(values[i], out) < 0) == (name == "min")) {
      out = values[i];
    }
  }
  return out;
}

Value is_sorted(const Args& args) {
  const Json& items = list(args, 0);
  for (size_t i = 1; i < items.size(); ++i) {
    if (order(from_json(items[i - 1]), from_json(items[i])) > 0) return false;
  }
  return true;
}

Value optional_function(const std::string& name, const Args& args) {
  const auto* held = std::get_if<std::shared_ptr<const Optional>>(&args.at(0));
  if (held == nullptr) throw EvalError{"no such overload: " + name};
  if (name == "hasValue") return (*held)->present;
  if (name == "value" && !(*held)->present) throw EvalError{"optional.none() dereference"};
  return (*held)->present ? (*held)->value : name == "value" ? Value(Null{}) : args.at(1);
}

Value quantity_function(const std::string& name, const Args& args) {
  const __int128 a = quantity(args, 0).nano;
  if (name == "asInteger") {
    if (a % 1'000'000'000 != 0) throw EvalError{"cannot convert value to integer"};
    return static_cast<int64_t>(a / 1'000'000'000);
  }
  if (name == "isInteger") return a % 1'000'000'000 == 0;
  if (name == "asApproximateFloat") return static_cast<double>(a) / 1e9;
  if (name == "sign") return int64_t{a < 0 ? -1 : a > 0 ? 1 : 0};
  const __int128 b = quantity(args, 1).nano;
  if (name == "add") return Quantity{a + b};
  if (name == "sub") return Quantity{a - b};
  if (name == "isLessThan") return a < b;
  if (name == "isGreaterThan") return a > b;
  return int64_t{a < b ? -1 : a > b ? 1 : 0};  // compareTo
}

Value convert(const std::string& name, const Args& args, bool& handled) {
  handled = true;
  if (name == "int" || name == "uint") return to_int(args);
  if (name == "double") return to_double(args);
  if (name == "string") return to_text(args.at(0));
  if (name == "dyn") return args.at(0);
  if (name == "type") return TypeName{type_name(args.at(0))};
  if (name == "bool") {
    if (const bool* b = std::get_if<bool>(&args.at(0))) return *b;
    return text(args, 0) == "true";
  }
  if (name == "quantity") {
    const auto q = parse_quantity_text(text(args, 0));
    if (!q)
      throw EvalError{
          "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"};
    return *q;
  }
  if (name == "isQuantity") return parse_quantity_text(text(args, 0)).has_value();
  if (name == "duration") {
    const auto d = parse_duration_text(text(args, 0));
    if (!d) throw EvalError{fmt::format("time: invalid duration \"{}\"", text(args, 0))};
    return *d;
  }
  if (name == "timestamp") {
    const auto t = parse_rfc3339(text(args, 0));
    if (!t) throw EvalError{t.error().message};
    return Timestamp{t->time_since_epoch().count()};
  }
  handled = false;
  return Null{};
}

}  // namespace

Value call_function(const std::string& name, const Args& args) {
  if (args.empty()) throw EvalError{"undeclared reference to '" + name + "'"};
  bool handled = false;
  Value converted = convert(name, args, handled);
  if (handled) return converted;
  if (name == "size") return size_of(args);
  if (name == "startsWith") return text(args, 0).starts_with(text(args, 1));
  if (name == "endsWith") return text(args, 0).ends_with(text(args, 1));
  if (name == "contains") return text(args, 0).find(text(args, 1)) != std::string::npos;
  if (name == "matches") return matches(args);
  if (name == "lowerAscii") return mapped(text(args, 0), [](int c) { return std::tolower(c); });
  if (name == "upperAscii") return mapped(text(args, 0), [](int c) { return std::toupper(c); });
  if (name == "trim") {
    const std::string& s = text(args, 0);
    const size_t begin = s.find_first_not_of(" \t\r\n");
    return begin == std::string::npos ? std::string()
                                      : s.substr(begin, s.find_last_not_of(" \t\r\n") - begin + 1);
  }
  if (name == "split") return split_text(args);
  if (name == "join") return join_list(args);
  if (name == "replace") return replace_all(args);
  if (name == "substring") return substring(args);
  if (name == "charAt") return substring({args.at(0), args.at(1), integer(args, 1) + 1});
  if (name == "indexOf") return index_of(args, false);
  if (name == "lastIndexOf") return index_of(args, true);
  if (name == "min" || name == "max" || name == "sum") return fold(name, args);
  if (name == "isSorted") return is_sorted(args);
  if (name == "hasValue" || name == "value" || name == "orValue") return optional_function(name, args);
  if (name == "getSeconds") {
    if (const auto* d = std::get_if<Duration>(&args[0])) return d->nanoseconds / 1'000'000'000;
  }
  static constexpr std::string_view kQuantity[] = {"asInteger",  "isInteger",     "asApproximateFloat",
                                                   "sign",       "add",           "sub",
                                                   "isLessThan", "isGreaterThan", "compareTo"};
  if (std::find(std::begin(kQuantity), std::end(kQuantity), name) != std::end(kQuantity))
    return quantity_function(name, args);
  throw EvalError{"undeclared reference to '" + name + "'"};
}

Value arithmetic(const std::string& op, const Value& a, const Value& b) {
  const auto* x = std::get_if<int64_t>(&a);
  const auto* y = std::get_if<int64_t>(&b);
  if (x != nullptr && y != nullptr) {
    int64_t out = 0;
    bool overflow = false;
    if (op == "+") overflow = __builtin_add_overflow(*x, *y, &out);
    if (op == "-") overflow = __builtin_sub_overflow(*x, *y, &out);
    if (op == "*") overflow = __builtin_mul_overflow(*x, *y, &out);
    if (op == "/" || op == "%") {
      if (*y == 0) throw EvalError{op == "/" ? "division by zero" : "modulus by zero"};
      overflow = *x == INT64_MIN && *y == -1;
      if (!overflow) out = op == "/" ? *x / *y : *x % *y;
    }
    if (overflow) throw EvalError{"integer overflow"};
    return out;
  }
  if (op == "+") {
    if (const auto* s = std::get_if<std::string>(&a)) {
      if (const auto* t = std::get_if<std::string>(&b)) {
        return *s + *t;
      }
    }
    if (const auto* s = std::get_if<Tree>(&a)) {
      if (const auto* t = std::get_if<Tree>(&b); t != nullptr && (*s)->is_array() && (*t)->is_array()) {
        Json out = **s;
        out.insert(out.end(), (*t)->begin(), (*t)->end());
        return std::make_shared<const Json>(std::move(out));
      }
    }
  }
  const auto number = [](const Value& v) -> std::optional<double> {
    if (const auto* i = std::get_if<int64_t>(&v)) return static_cast<double>(*i);
    if (const auto* d = std::get_if<double>(&v)) return *d;
    return std::nullopt;
  };
  const auto left = number(a);
  const auto right = number(b);
  if (!left || !right || op == "%") throw EvalError{"no such overload: _" + op + "_"};
  if (op == "+") return *left + *right;
  if (op == "-") return *left - *right;
  if (op == "*") return *left * *right;
  return *left / *right;
}

int order(const Value& a, const Value& b) {
  const auto sign = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  const auto number = [](const Value& v) -> std::optional<double> {
    if (const auto* i = std::get_if<int64_t>(&v)) return static_cast<double>(*i);
    if (const auto* d = std::get_if<double>(&v)) return *d;
    return std::nullopt;
  };
  if (a.index() == b.index()) {
    if (const auto* i = std::get_if<int64_t>(&a)) return sign(*i, std::get<int64_t>(b));
    if (const auto* s = std::get_if<std::string>(&a)) return sign(*s, std::get<std::string>(b));
    if (const auto* x = std::get_if<bool>(&a))
      return sign(static_cast<int>(*x), static_cast<int>(std::get<bool>(b)));
    if (const auto* d = std::get_if<Duration>(&a))
      return sign(d->nanoseconds, std::get<Duration>(b).nanoseconds);
    if (const auto* t = std::get_if<Timestamp>(&a))
      return sign(t->microseconds, std::get<Timestamp>(b).microseconds);
  }
  const auto left = number(a);
  const auto right = number(b);
  if (!left || !right) throw EvalError{"no such overload: comparison"};
  return sign(*left, *right);
}

}  // namespace stowage::sandbox::cel

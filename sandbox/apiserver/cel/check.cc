#include "sandbox/apiserver/cel/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "sandbox/apiserver/cel/expr.h"

namespace stowage::sandbox::cel {
namespace {

using K = StaticType::Kind;

constexpr std::string_view kTypeNames[] = {"bool", "bytes",     "double", "int",  "list",
                                           "map",  "null_type", "string", "type", "uint"};
/// Namespaces of library functions: optional.of(x), sets.contains(a, b).
constexpr std::string_view kNamespaces[] = {"optional", "sets",    "math", "ip",    "cidr",  "format",
                                            "base64",   "strings", "cel",  "lists", "regex", "jsonpatch"};
constexpr std::string_view kMacros[] = {"all",    "exists",        "exists_one",   "existsOne",        "map",
                                        "filter", "transformList", "transformMap", "transformMapEntry"};

template <size_t N>
bool one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

class Checker {
 public:
  Checker(std::string_view text, const StaticType& self, Types* types) : text_(text), types_(types) {
    bound_.emplace_back("self", self);
    bound_.emplace_back("oldSelf", self);
  }

  std::string errors;

  StaticType type(const Expr& e) {
    StaticType out = found(e);
    if (types_ != nullptr) types_->insert_or_assign(&e, out);
    return out;
  }

 private:
  StaticType found(const Expr& e) {
    switch (e.kind) {
      case Kind::kLiteral:
        return literal(e.literal);
      case Kind::kIdent:
        return ident(e);
      case Kind::kSelect:
        return select(e, type(*e.args[0]));
      case Kind::kOptionalSelect:
        return optional(e, type(*e.args[0]));
      case Kind::kOptionalIndex:
        (void)type(*e.args[0]);
        (void)type(*e.args[1]);
        return simple(K::kOptional);
      case Kind::kIndex:
        return index(e);
      case Kind::kCall:
        return call(e);
      case Kind::kMember:
        return member(e);
      case Kind::kList:
        return list(e);
      case Kind::kMap:
        return map(e);
      case Kind::kUnary:
        return unary(e);
      case Kind::kBinary:
        return binary(e);
      case Kind::kTernary:
        return ternary(e);
    }
    return simple(K::kDyn);
  }

  /// cel-go's report: line and column, the line, a mark under the place.
  StaticType wrong(const Expr& e, const std::string& why) {
    const size_t at = std::min(e.at, text_.size());
    const std::string_view before = text_.substr(0, at);
    const size_t start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const auto column = std::count_if(before.begin() + static_cast<std::ptrdiff_t>(start), before.end(),
                                      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    std::string_view shown = text_.substr(start);
    shown = shown.substr(0, shown.find('\n'));
    errors += fmt::format("{}ERROR: <input>:{}:{}: {}\n | {}\n | {}^", errors.empty() ? "" : "\n", line,
                          column + 1, why, shown, std::string(static_cast<size_t>(column), '.'));
    return simple(K::kError);
  }

  StaticType no_overload(const Expr& e, const std::string& function, const std::vector<StaticType>& args,
                         bool member = false) {
    std::string list;
    for (size_t i = member ? 1 : 0; i < args.size(); ++i)
      list += (list.empty() ? "" : ", ") + args[i].name();
    return wrong(e, fmt::format("found no matching overload for '{}' applied to '{}({})'", function,
                                member ? args[0].name() + "." : "", list));
  }

  StaticType undeclared(const Expr& e) {
    return wrong(e, fmt::format("undeclared reference to '{}' (in container '')", e.name));
  }

  static StaticType literal(const Value& value) {
    if (std::holds_alternative<bool>(value)) return simple(K::kBool);
    if (std::holds_alternative<int64_t>(value)) return simple(K::kInt);
    if (std::holds_alternative<double>(value)) return simple(K::kDouble);
    if (std::holds_alternative<std::string>(value)) return simple(K::kString);
    return simple(K::kNull);
  }

  StaticType ident(const Expr& e) {
    for (auto it = bound_.rbegin(); it != bound_.rend(); ++it) {
      if (it->first == e.name) return it->second;
    }
    return one_of(e.name, kTypeNames) ? simple(K::kType) : undeclared(e);
  }

  StaticType select(const Expr& e, const StaticType& base) {
    if (base.loose()) return base;
    if (base.kind == K::kOptional) return optional(e, base);
    if (base.kind == K::kMap) return item_of(base);
    if (base.kind != K::kObject)
      return wrong(e, fmt::format("type '{}' does not support field selection", base.name()));
    StaticType field = field_of(base, e.name);
    return field.kind == K::kError ? wrong(e, fmt::format("undefined field '{}'", e.name)) : field;
  }

  StaticType optional(const Expr& e, StaticType base) {
    if (base.kind == K::kOptional) base = item_of(base);
    if (base.loose()) return simple(K::kOptional);
    StaticType out = simple(K::kOptional);
    out.value = std::make_shared<const StaticType>(select(e, base));
    return out;
  }

  StaticType index(const Expr& e) {
    const StaticType base = type(*e.args[0]);
    const StaticType key = type(*e.args[1]);
    if (base.loose()) return simple(K::kDyn);
    if (base.kind == K::kOptional) return base;
    const bool number = key.kind == K::kInt || key.kind == K::kUint || key.kind == K::kDouble;
    if (base.kind == K::kList && (key.loose() || number)) return item_of(base);
    if (base.kind == K::kMap && (base.key == nullptr || compatible(*base.key, key))) return item_of(base);
    return no_overload(e, "_[_]", {base, key});
  }

  std::vector<StaticType> types(const Expr& e) {
    std::vector<StaticType> out;
    out.reserve(e.args.size());
    for (const auto& arg : e.args)
      out.push_back(type(*arg));
    return out;
  }

  static bool broken(const std::vector<StaticType>& args) {
    return std::any_of(args.begin(), args.end(), [](const auto& a) { return a.kind == K::kError; });
  }

  StaticType call(const Expr& e) {
    if (e.name == "has") {
      if (e.args.size() != 1 || e.args[0]->kind != Kind::kSelect)
        return wrong(e, "invalid argument to has() macro");
      Expr tested = *e.args[0];
      tested.at = e.at;  // the macro stands for the selection
      return simple(type(tested).kind == K::kError ? K::kError : K::kBool);
    }
    return applied(e, types(e), false);
  }

  StaticType applied(const Expr& e, const std::vector<StaticType>& args, bool member) {
    bool known = false;
    const StaticType out = call_type(e.name, args, member, known);
    if (!known) return undeclared(e);
    if (out.kind != K::kError || broken(args)) return out;
    return no_overload(e, e.name, args, member);
  }

  StaticType member(const Expr& e) {
    const Expr& receiver = *e.args[0];
    if (receiver.kind == Kind::kIdent && one_of(receiver.name, kNamespaces) && !is_bound(receiver.name)) {
      std::vector<StaticType> args;
      for (size_t i = 1; i < e.args.size(); ++i)
        args.push_back(type(*e.args[i]));
      if (receiver.name != "optional") return simple(K::kDyn);
      StaticType out = simple(K::kOptional);
      if (!args.empty()) out.value = std::make_shared<const StaticType>(args[0]);
      return out;
    }
    if (one_of(e.name, kMacros) && e.args.size() >= 3 && e.args[1]->kind == Kind::kIdent) return macro(e);
    if (one_of(e.name, kBinders) && e.args.size() == 3 && e.args[1]->kind == Kind::kIdent) return binder(e);
    return applied(e, types(e), true);
  }

  bool is_bound(std::string_view name) const {
    return std::any_of(bound_.begin(), bound_.end(), [&](const auto& b) { return b.first == name; });
  }

  /// list.all(x, ...), map.exists(k, ...), list.map(x, condition, ...), list.all(i, x, ...).
  StaticType macro(const Expr& e) {
    const StaticType range = type(*e.args[0]);
    if (!range.loose() && range.kind != K::kList && range.kind != K::kMap) {
      return wrong(*e.args[0], fmt::format("expression of type '{}' cannot be range of a comprehension (must "
                                           "be list, map, or dynamic)",
                                           range.name()));
    }
    const bool keyed = range.kind == K::kMap;
    StaticType first = keyed && range.key != nullptr ? *range.key : item_of(range);
    const size_t before = bound_.size();
    const bool mapping = e.name == "map";
    const bool two = !mapping && e.args.size() >= 4 && e.args[2]->kind == Kind::kIdent;
    if (two) {
      bound_.emplace_back(e.args[1]->name, keyed ? first : simple(range.loose() ? K::kDyn : K::kInt));
      bound_.emplace_back(e.args[2]->name, item_of(range));
    } else {
      bound_.emplace_back(e.args[1]->name, first);
    }
    StaticType body = simple(K::kDyn);
    for (size_t i = two ? 3 : 2; i < e.args.size(); ++i)
      body = type(*e.args[i]);
    bound_.resize(before);
    if (mapping) return body.kind == K::kError ? body : list_of(std::move(body));
    if (e.name.starts_with("transform")) return simple(K::kDyn);
    if (!body.loose() && body.kind != K::kBool) {
      if (e.name == "filter" || e.name.starts_with("exists_") || e.name == "existsOne")
        return no_overload(e, "_?_:_", {body, simple(K::kInt), simple(K::kInt)});
      return no_overload(e, e.name == "all" ? "_&&_" : "_||_", {simple(K::kBool), body});
    }
    if (e.name == "filter") return keyed ? list_of(std::move(first)) : range;
    return simple(body.kind == K::kError ? K::kError : K::kBool);
  }

  /// opt.optMap(x, expression).
  StaticType binder(const Expr& e) {
    const StaticType base = type(*e.args[0]);
    bound_.emplace_back(e.args[1]->name, item_of(base));
    (void)type(*e.args[2]);
    bound_.pop_back();
    return simple(K::kOptional);
  }

  StaticType list(const Expr& e) {
    StaticType item = simple(K::kDyn);
    bool first = true;
    for (const auto& arg : e.args) {
      const StaticType next = type(*arg);
      if (next.kind == K::kError) return next;
      item = first ? next : compatible(item, next) ? joined(item, next) : simple(K::kDyn);
      first = false;
    }
    return first ? simple(K::kList) : list_of(std::move(item));
  }

  StaticType map(const Expr& e) {
    StaticType out = simple(K::kMap);
    for (const auto& arg : e.args) {
      if (type(*arg).kind == K::kError) return simple(K::kError);
    }
    return out;
  }

  StaticType unary(const Expr& e) {
    const StaticType operand = type(*e.args[0]);
    if (operand.loose()) return operand;
    if (e.name == "!") return operand.kind == K::kBool ? operand : no_overload(e, "!_", {operand});
    const bool number = operand.kind == K::kInt || operand.kind == K::kDouble;
    return number ? operand : no_overload(e, "-_", {operand});
  }

  StaticType binary(const Expr& e) {
    const StaticType a = type(*e.args[0]);
    const StaticType b = type(*e.args[1]);
    if (a.kind == K::kError || b.kind == K::kError) return simple(K::kError);
    const StaticType out = operator_type(e.name, a, b);
    if (out.kind != K::kError) return out;
    if (e.name == "&&" || e.name == "||") {
      for (const auto& [operand, expr] : {std::pair{a, e.args[0]}, std::pair{b, e.args[1]}}) {
        if (!operand.loose() && operand.kind != K::kBool)
          (void)wrong(*expr, fmt::format("expected type 'bool' but found '{}'", operand.name()));
      }
      return out;
    }
    return no_overload(e, e.name == "in" ? "@in" : "_" + e.name + "_", {a, b});
  }

  StaticType ternary(const Expr& e) {
    const StaticType condition = type(*e.args[0]);
    const StaticType yes = type(*e.args[1]);
    const StaticType no = type(*e.args[2]);
    if (broken({condition, yes, no})) return simple(K::kError);
    const bool truth = condition.loose() || condition.kind == K::kBool;
    if (truth && compatible(yes, no)) return joined(yes, no);
    return no_overload(e, "_?_:_", {condition, yes, no});
  }

  static constexpr std::string_view kBinders[] = {"optMap", "optFlatMap"};

  std::string_view text_;
  Types* types_;
  std::vector<std::pair<std::string, StaticType>> bound_;
};

}  // namespace

std::string check(const Program& program, std::string_view text, const Schema& self, bool root, Wanted wanted,
                  Types* types) {
  const StaticType type = type_of(self, root);
  // Where the schema says nothing about itself, neither can a rule; the real one tells that elsewhere.
  Checker checker(text, type.kind == K::kError ? simple(K::kDyn) : type, types);
  const StaticType result = checker.type(program.root());
  if (!checker.errors.empty()) return "compilation failed: " + checker.errors;
  if (wanted == Wanted::kBool && result.kind != K::kBool && !result.loose())
    return "cel expression must evaluate to a bool";
  if (wanted == Wanted::kString && result.kind != K::kString && !result.loose())
    return "messageExpression must evaluate to a string";
  return {};
}

}  // namespace stowage::sandbox::cel

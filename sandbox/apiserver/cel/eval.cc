#include "sandbox/apiserver/cel/eval.h"

#include <fmt/format.h>

#include <algorithm>

#include "sandbox/apiserver/cel/cel.h"

namespace stowage::sandbox::cel {
namespace {

Value some(Value value) {
  return std::make_shared<const Optional>(Optional{true, std::move(value)});
}
Value none() {
  return std::make_shared<const Optional>();
}

const Json& tree(const Value& value, const char* what) {
  if (const auto* t = std::get_if<Tree>(&value)) return **t;
  throw EvalError{fmt::format("no such overload: {} of a scalar", what)};
}

bool truth(const Value& value) {
  if (const bool* b = std::get_if<bool>(&value)) return *b;
  throw EvalError{"no such overload: a boolean is needed"};
}

constexpr int64_t kCostOfCall = 1'000'000;  // Kubernetes' PerCallLimit
constexpr int64_t kCostOfList = 10;         // these three: cel-go's common/cost.go
constexpr int64_t kCostOfMap = 30;
constexpr int64_t kCostOfAccess = 1;

}  // namespace

void Evaluator::spend(int64_t units) {
  cost_ += units;
  if (cost_ > kCostOfCall || cost_ > budget_.cost) throw Exhausted{};
}

void Evaluator::touch(int64_t bytes) {
  budget_.bytes -= bytes;
  if (budget_.bytes < 0) throw Exhausted{};
}

/// A child shares the life of its tree; text is copied.
Value Evaluator::child_of(const Value& parent, const Json& child) {
  if (child.is_structured()) return Tree(std::get<Tree>(parent), &child);
  if (child.is_string()) touch(static_cast<int64_t>(child.get_ref<const std::string&>().size()));
  return from_json(child);
}

Value Evaluator::eval(const Expr& e) {
  touch(1);  // one node of the tree: also of those that cost nothing
  switch (e.kind) {
    case Kind::kLiteral:
      touch(bytes_of(e.literal));
      return e.literal;
    case Kind::kIdent:
      return ident(e);
    case Kind::kSelect:
      return select(eval(*e.args[0]), e.name);
    case Kind::kOptionalSelect:
    case Kind::kOptionalIndex: {
      spend(kCostOfAccess);
      Value base = eval(*e.args[0]);
      if (const auto* optional = std::get_if<std::shared_ptr<const Optional>>(&base)) {
        if (!(*optional)->present) return none();
        base = Value((*optional)->value);
      }
      const Value key = e.kind == Kind::kOptionalSelect ? Value(e.name) : eval(*e.args[1]);
      try {
        return some(e.kind == Kind::kOptionalSelect ? select(base, e.name) : index(base, key));
      } catch (const EvalError&) {
        return none();
      }
    }
    case Kind::kIndex:
      return index(eval(*e.args[0]), eval(*e.args[1]));
    case Kind::kCall:
      return call(e);
    case Kind::kMember:
      return member(e);
    case Kind::kList: {
      spend(kCostOfList);
      Json out = Json::array();
      for (const auto& arg : e.args)
        out.push_back(copied(eval(*arg)));
      return std::make_shared<const Json>(std::move(out));
    }
    case Kind::kMap: {
      spend(kCostOfMap);
      Json out = Json::object();
      for (size_t i = 0; i + 1 < e.args.size(); i += 2) {
        const Json key = to_json(eval(*e.args[i]));
        out[key.is_string() ? key.get<std::string>() : key.dump()] = copied(eval(*e.args[i + 1]));
      }
      return std::make_shared<const Json>(std::move(out));
    }
    case Kind::kUnary:
      return unary(e);
    case Kind::kBinary:
      return binary(e);
    case Kind::kTernary:
      return truth(eval(*e.args[0])) ? eval(*e.args[1]) : eval(*e.args[2]);
  }
  return Null{};
}

/// What a value becomes inside a list or map that is made here.
Json Evaluator::copied(const Value& value) {
  touch(bytes_of(value));
  return to_json(value);
}

Value Evaluator::ident(const Expr& e) {
  spend(kCostOfAccess);
  for (auto it = bound_.rbegin(); it != bound_.rend(); ++it) {
    if (it->first != e.name) continue;
    if (const auto* text = std::get_if<std::string>(&it->second)) touch(static_cast<int64_t>(text->size()));
    return it->second;
  }
  const auto it = variables_.find(e.name);
  if (it != variables_.end() && it->second != nullptr) {
    if (it->second->is_string()) touch(bytes_of(*it->second));
    return it->second->is_structured() ? Value(Tree(Tree(), it->second)) : from_json(*it->second);
  }
  for (const char* type :
       {"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"}) {
    if (e.name == type) return TypeName{e.name};
  }
  throw EvalError{fmt::format("undeclared reference to '{}'", e.name)};
}

Value Evaluator::select(const Value& base, const std::string& name) {
  spend(kCostOfAccess);
  if (const auto* optional = std::get_if<std::shared_ptr<const Optional>>(&base)) {
    if (!(*optional)->present) return none();
    const Value inner = (*optional)->value;
    const Json& object = tree(inner, "selection");
    return object.is_object() && object.contains(name) ? some(select(inner, name)) : none();
  }
  const Json& object = tree(base, "selection");
  if (object.is_object()) {
    auto it = object.find(name);
    if (it == object.end()) it = object.find(unescape_property(name));
    if (it != object.end()) return child_of(base, *it);
  }
  throw EvalError{fmt::format("no such key: {}", name)};
}

Value Evaluator::index(const Value& base, const Value& key) {
  spend(kCostOfAccess);
  const Json& object = tree(base, "index");
  if (object.is_array()) {
    const auto* at = std::get_if<int64_t>(&key);
    if (at == nullptr || *at < 0 || *at >= static_cast<int64_t>(object.size()))
      throw EvalError{"index out of bounds"};
    return child_of(base, object[static_cast<size_t>(*at)]);
  }
  const Json name = to_json(key);
  const std::string text = name.is_string() ? name.get<std::string>() : name.dump();
  const auto it = object.find(text);
  if (it == object.end()) throw EvalError{fmt::format("no such key: {}", text)};
  return child_of(base, *it);
}

Value Evaluator::has(const Expr& e) {
  if (e.args.size() != 1 || e.args[0]->kind != Kind::kSelect)
    throw EvalError{"invalid argument to has() macro"};
  const Value base = eval(*e.args[0]->args[0]);
  const Json& object = tree(base, "has()");
  if (!object.is_object()) throw EvalError{"no such overload: has()"};
  const std::string& name = e.args[0]->name;
  auto it = object.find(name);
  if (it == object.end()) it = object.find(unescape_property(name));
  return it != object.end() && !it->is_null();
}

Value Evaluator::call(const Expr& e) {
  if (e.name == "has") return has(e);
  std::vector<Value> args;
  args.reserve(e.args.size());
  for (const auto& arg : e.args)
    args.push_back(eval(*arg));
  return applied(e.name, args);
}

Value Evaluator::applied(const std::string& name, const std::vector<Value>& args) {
  spend(call_cost(name, args));
  touch(call_bytes(name, args));
  Value out = call_function(name, args);
  spend(result_cost(name, out));
  return out;
}

/// What cel-go's expansion of a macro costs on each element beside its body: reading the accumulator, asking
/// it whether to go on, a list of one for map.
int64_t Evaluator::cost_of_step(const std::string& macro) {
  if (macro == "all") return 3;
  if (macro == "exists") return 4;
  return macro == "map" ? kCostOfList + 2 : 1;
}

/// all, exists, exists_one, map, filter over lists, or over the keys of maps.
Value Evaluator::macro(const Expr& e, const std::string& name, bool& handled) {
  handled = e.args.size() >= 3 && e.args[1]->kind == Kind::kIdent &&
            (name == "all" || name == "exists" || name == "exists_one" || name == "existsOne" ||
             name == "map" || name == "filter");
  if (!handled) return Null{};
  const Value range = eval(*e.args[0]);
  const Json& items = tree(range, "iteration");
  const int64_t step = cost_of_step(name);
  const Expr& body = *e.args.back();
  Json collected = Json::array();
  int64_t matches = 0;
  bool all = true;
  bool any = false;
  std::string pending;  // the first error, unless another element decides
  bound_.emplace_back(e.args[1]->name, Null{});
  for (auto it = items.begin(); it != items.end(); ++it) {
    spend(step);
    bound_.back().second = items.is_object() ? Value(it.key()) : child_of(range, *it);
    try {
      if (name == "map") {
        if (e.args.size() == 3 || truth(eval(*e.args[2]))) collected.push_back(copied(eval(body)));
        continue;
      }
      const bool yes = truth(eval(body));
      all = all && yes;
      any = any || yes;
      matches += yes ? 1 : 0;
      if (yes && name == "filter") {
        spend(kCostOfList + 2);
        collected.push_back(copied(bound_.back().second));
      }
      if ((name == "all" && !yes) || (name == "exists" && yes)) break;
    } catch (const EvalError& error) {
      if (name != "all" && name != "exists") {
        bound_.pop_back();
        throw;
      }
      if (pending.empty()) pending = error.message;
    }
  }
  bound_.pop_back();
  if (name == "map" || name == "filter") return std::make_shared<const Json>(std::move(collected));
  if (name == "exists_one" || name == "existsOne") return matches == 1;
  const bool decided = name == "all" ? !all : any;
  if (!decided && !pending.empty()) throw EvalError{pending};
  return name == "all" ? all : any;
}

Value Evaluator::member(const Expr& e) {
  bool handled = false;
  Value out = macro(e, e.name, handled);
  if (handled) return out;
  // Namespaced functions: optional.of(x), optional.none().
  if (e.args[0]->kind == Kind::kIdent && e.args[0]->name == "optional") {
    return e.name == "none" ? none() : some(eval(*e.args.at(1)));
  }
  std::vector<Value> args;
  args.reserve(e.args.size());
  for (const auto& arg : e.args)
    args.push_back(eval(*arg));
  return applied(e.name, args);
}

Value Evaluator::unary(const Expr& e) {
  const Value value = eval(*e.args[0]);
  spend(1);
  if (e.name == "!") return !truth(value);
  if (const auto* i = std::get_if<int64_t>(&value)) {
    if (*i == INT64_MIN) throw EvalError{"integer overflow"};
    return -*i;
  }
  if (const auto* d = std::get_if<double>(&value)) return -*d;
  throw EvalError{"no such overload: -_"};
}

/// && and || ignore an error on one side when the other decides.
Value Evaluator::logic(const Expr& e) {
  const bool decisive = e.name == "||";
  std::string error;
  for (int side = 0; side < 2; ++side) {
    try {
      if (truth(eval(*e.args[static_cast<size_t>(side)])) == decisive) return decisive;
    } catch (const EvalError& failure) {
      if (error.empty()) error = failure.message;
    }
  }
  if (!error.empty()) throw EvalError{error};
  return !decisive;
}

Value Evaluator::binary(const Expr& e) {
  if (e.name == "&&" || e.name == "||") return logic(e);
  const Value a = eval(*e.args[0]);
  const Value b = eval(*e.args[1]);
  spend(operator_cost(e.name, a, b));
  if (e.name == "==" || e.name == "!=") touch(std::min(bytes_of(a), bytes_of(b)));
  if (e.name == "+") touch(bytes_of(a) + bytes_of(b));
  if (e.name == "==") return equal(a, b);
  if (e.name == "!=") return !equal(a, b);
  if (e.name == "in") {
    const Json& items = tree(b, "in");
    if (items.is_object()) {
      const auto* key = std::get_if<std::string>(&a);
      return key != nullptr && items.contains(*key);
    }
    touch(bytes_of(b));
    return std::any_of(items.begin(), items.end(), [&](const Json& item) { return equal(a, item); });
  }
  if (e.name == "<") return order(a, b) < 0;
  if (e.name == "<=") return order(a, b) <= 0;
  if (e.name == ">") return order(a, b) > 0;
  if (e.name == ">=") return order(a, b) >= 0;
  return arithmetic(e.name, a, b);
}

namespace {

bool mentions_in(const Expr& e, std::string_view name) {
  if (e.kind == Kind::kIdent && e.name == name) return true;
  for (const auto& arg : e.args) {
    if (mentions_in(*arg, name)) return true;
  }
  return false;
}

std::expected<Value, std::string> run(const Expr& root, const std::map<std::string, const Json*>& variables,
                                      Budget& budget) {
  try {
    return Evaluator(variables, budget).eval(root);
  } catch (const Exhausted&) {
    return std::unexpected(std::string(kCostExceeded));
  } catch (const EvalError& error) {
    return std::unexpected(error.message);
  } catch (const std::exception& error) {
    return std::unexpected(std::string(error.what()));
  }
}

}  // namespace

std::expected<Program, std::string> Program::compile(std::string_view text) {
  auto root = parse(text);
  if (!root) return std::unexpected(root.error());
  return Program(*std::move(root));
}

std::expected<bool, std::string> Program::test(const std::map<std::string, const Json*>& variables,
                                               Budget& budget) const {
  auto value = run(*root_, variables, budget);
  if (!value) return std::unexpected(value.error());
  if (const bool* b = std::get_if<bool>(&*value)) return *b;
  return std::unexpected("the expression is not a boolean");
}

std::expected<std::string, std::string> Program::text(const std::map<std::string, const Json*>& variables,
                                                      Budget& budget) const {
  auto value = run(*root_, variables, budget);
  if (!value) return std::unexpected(value.error());
  if (auto* s = std::get_if<std::string>(&*value)) return std::move(*s);
  return std::unexpected("the expression is not a string");
}

bool Program::mentions(std::string_view variable) const {
  return mentions_in(*root_, variable);
}

}  // namespace stowage::sandbox::cel

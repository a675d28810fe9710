#include "sandbox/apiserver/cel/estimate.h"

#include <algorithm>

#include "sandbox/apiserver/cel/estimate_parts.h"
#include "sandbox/apiserver/cel/expr.h"

namespace stowage::sandbox::cel {
namespace {

using K = StaticType::Kind;

constexpr uint64_t kAccess = 1;  // these three: cel-go's common/cost.go
constexpr uint64_t kList = 10;
constexpr uint64_t kMap = 30;

uint64_t characters(const std::string& text) {
  return static_cast<uint64_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// Types whose values are of one size.
bool is_scalar(const StaticType& type) {
  static constexpr K kKinds[] = {K::kBool, K::kInt, K::kUint, K::kDouble, K::kTimestamp, K::kDuration};
  if (type.kind == K::kOptional) return is_scalar(item_of(type));
  return std::find(std::begin(kKinds), std::end(kKinds), type.kind) != std::end(kKinds);
}

Size either(const Size& a, const Size& b) {
  return {std::min(a.least, b.least), std::max(a.most, b.most)};
}

std::optional<Entries> either(const std::optional<Entries>& a, const std::optional<Entries>& b) {
  if (!a || !b) return std::nullopt;
  return Entries{a->list, either(a->key, b->key), either(a->value, b->value)};
}

/// The smaller of two that are compared is read.
uint64_t compared(const Estimate& a, const Estimate& b) {
  return scaled(std::min(size_of(a).most, size_of(b).most), kPerCharacter);
}

class Estimator {
 public:
  Estimator(const Types& types, const Schema& self, bool root) : types_(types), self_{&self, root} {}

  Estimate estimate(const Expr& e) {
    Estimate out = parts(e);
    if (const auto type = types_.find(&e); type != types_.end()) {
      // A library that the checker does not know the types of may say more here.
      if (!type->second.loose() || out.type.kind == K::kDyn) out.type = type->second;
    }
    if (!out.size && out.path.place) out.size = Size{0, most_elements(*out.path.place)};
    if (!out.size && is_scalar(out.type)) out.size = Size{1, 1};
    if (!out.size && e.kind == Kind::kIdent) {
      if (const Local* local = local_of(e.name)) out.size = local->size;
    }
    return out;
  }

 private:
  struct Local {
    std::string name;
    Path path;
    std::optional<Size> size;
    std::optional<Entries> entries;
  };

  const Local* local_of(const std::string& name) const {
    const auto it =
        std::find_if(locals_.rbegin(), locals_.rend(), [&](const Local& l) { return l.name == name; });
    return it == locals_.rend() ? nullptr : &*it;
  }

  /// As cel-go has it, the first step of a path names a variable, whatever it is: what is taken from a value
  /// that no variable holds is looked for in `self`.
  Path step(const Path& path, const std::string& name) const {
    if (!path.known) return {true, self_};
    return {true, path.place ? place_in(*path.place, name) : std::nullopt};
  }

  Estimate parts(const Expr& e) {
    switch (e.kind) {
      case Kind::kLiteral:
        return literal(e);
      case Kind::kIdent:
        return ident(e);
      case Kind::kSelect:
        return select(estimate(*e.args[0]), e.name);
      case Kind::kOptionalSelect:
        return {.cost = plus(1, estimate(*e.args[0]).cost)};
      case Kind::kOptionalIndex:
        return {.cost = plus(1, plus(estimate(*e.args[0]).cost, estimate(*e.args[1]).cost))};
      case Kind::kIndex:
        return index(estimate(*e.args[0]), estimate(*e.args[1]));
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
        return binary(e.name, estimate(*e.args[0]), estimate(*e.args[1]));
      case Kind::kTernary:
        return ternary(estimate(*e.args[0]), estimate(*e.args[1]), estimate(*e.args[2]));
    }
    throw NotKnown{};
  }

  static Estimate literal(const Expr& e) {
    const auto* text = std::get_if<std::string>(&e.literal);
    const uint64_t size = text == nullptr ? 1 : characters(*text);
    return {.size = Size{size, size}};
  }

  Estimate ident(const Expr& e) const {
    if (const Local* local = local_of(e.name))
      return {.cost = kAccess, .path = local->path, .entries = local->entries};
    return {.cost = kAccess, .path = {true, self_}};
  }

  Estimate select(const Estimate& base, const std::string& name) const {
    const bool costs = base.type.kind == K::kObject || base.type.kind == K::kMap;
    return {.cost = plus(base.cost, costs ? kAccess : 0), .path = step(base.path, name)};
  }

  Estimate index(const Estimate& base, const Estimate& key) const {
    Estimate out{.cost = plus(1, plus(base.cost, key.cost))};
    if (base.entries) out.size = base.entries->value;
    if (base.type.kind != K::kOptional)
      out.path = step(base.path, base.type.kind == K::kList ? "@items" : "@values");
    return out;
  }

  Estimate list(const Expr& e) {
    Estimate out{.cost = kList, .size = Size{e.args.size(), e.args.size()}};
    Size item = e.args.empty() ? Size{0, 0} : Size{kUnbounded, 0};
    for (const auto& arg : e.args) {
      const Estimate part = estimate(*arg);
      out.cost = plus(out.cost, part.cost);
      item = either(item, part.size.value_or(Size{}));
    }
    out.entries = Entries{.value = item};
    return out;
  }

  Estimate map(const Expr& e) {
    const uint64_t size = e.args.size() / 2;
    Estimate out{.cost = kMap, .size = Size{size, size}};
    Entries entries{false, {kUnbounded, 0}, {kUnbounded, 0}};
    if (e.args.empty()) entries.key.least = entries.value.least = 0;
    for (size_t i = 0; i < e.args.size(); ++i) {
      const Estimate part = estimate(*e.args[i]);
      out.cost = plus(out.cost, part.cost);
      Size& all = i % 2 == 0 ? entries.key : entries.value;
      all = either(all, part.size.value_or(Size{}));
    }
    out.entries = entries;
    return out;
  }

  Estimate unary(const Expr& e) {
    const Expr& inner = *e.args[0];
    if (e.name == "-" && inner.kind == Kind::kLiteral) return literal(inner);  // a negative number
    return {.cost = plus(1, estimate(inner).cost)};
  }

  static Estimate binary(const std::string& op, const Estimate& a, const Estimate& b) {
    const uint64_t both = plus(a.cost, b.cost);
    if (op == "&&" || op == "||") return {.cost = both};
    if (op == "+") return sum(a, b);
    const bool open = a.type.loose() && b.type.loose();
    uint64_t own = 1;
    if (op == "==" || op == "!=") {
      const bool opaque =
          (a.opaque && b.opaque) || (a.type.kind == K::kQuantity && b.type.kind == K::kQuantity);
      const bool at_once = op == "==" && opaque && !(a.size && b.size);  // URLs are as long as their text
      own = at_once ? 1 : compared(a, b);
    } else if (op == "<" || op == "<=" || op == ">" || op == ">=") {
      if (is_text(a.type) || is_text(b.type)) own = compared(a, b);
      if (open) own = std::max(own, compared(a, b));
    } else if (op == "in") {
      if (b.type.kind == K::kList) own = size_of(b).most;
      if (b.type.loose()) own = std::max(own, size_of(b).most);
    }
    return {.cost = plus(both, own)};
  }

  /// Texts, lists and numbers: of unknown types the dearest.
  static Estimate sum(const Estimate& a, const Estimate& b) {
    Estimate out{.cost = plus(plus(a.cost, b.cost), 1)};
    const bool text = is_text(a.type) || is_text(b.type);
    const bool list = a.type.kind == K::kList || b.type.kind == K::kList;
    const bool open = a.type.loose() && b.type.loose();
    if (!text && !list && !open) return out;
    out.size = Size{plus(size_of(a).least, size_of(b).least), plus(size_of(a).most, size_of(b).most)};
    out.entries = either(a.entries, b.entries);
    if (list) return out;
    const uint64_t reading = scaled(out.size->most, kPerCharacter);
    out.cost = plus(plus(a.cost, b.cost), open ? std::max<uint64_t>(reading, 1) : reading);
    return out;
  }

  static Estimate ternary(const Estimate& condition, const Estimate& yes, const Estimate& no) {
    Estimate out{.cost = plus(condition.cost, std::max(yes.cost, no.cost)),
                 .entries = either(yes.entries, no.entries)};
    if (yes.size && no.size) out.size = either(*yes.size, *no.size);
    out.opaque = yes.opaque && no.opaque;
    return out;
  }

  Estimate call(const Expr& e) {
    if (e.name == "has") return {.cost = estimate(*e.args[0]->args[0]).cost};
    if (e.name == "dyn") {
      Estimate out = estimate(*e.args[0]);
      return {.cost = plus(1, out.cost), .size = out.size, .entries = out.entries, .opaque = out.opaque};
    }
    return applied(e, nullptr, 0);
  }

  Estimate applied(const Expr& e, const Estimate* target, size_t first) {
    std::vector<Estimate> args;
    uint64_t cost = target == nullptr ? 0 : target->cost;
    for (size_t i = first; i < e.args.size(); ++i) {
      args.push_back(estimate(*e.args[i]));
      cost = plus(cost, args.back().cost);
    }
    Estimate out = estimate_call(e.name, target, args);
    out.cost = plus(out.cost, cost);
    // What an optional holds, as far as its alternative tells.
    if (e.name == "value" || e.name == "orValue") {
      out.type = item_of(target->type);
      if (out.type.loose() && !args.empty()) out.type = args[0].type;
    }
    return out;
  }

  Estimate member(const Expr& e) {
    const Expr& receiver = *e.args[0];
    if (receiver.kind == Kind::kIdent && !types_.contains(&receiver)) return library(receiver.name, e);
    const bool bound = e.args.size() > 2 && e.args[1]->kind == Kind::kIdent;
    if (bound && (e.name == "optMap" || e.name == "optFlatMap")) return bind(e);
    if (bound && (e.name == "all" || e.name == "exists" || e.name == "exists_one" || e.name == "existsOne" ||
                  e.name == "map" || e.name == "filter"))
      return loop(e);
    const Estimate target = estimate(receiver);
    return applied(e, &target, 1);
  }

  /// sets.contains(a, b), optional.of(a): functions of a namespace.
  Estimate library(const std::string& space, const Expr& e) {
    uint64_t cost = 1;
    std::vector<Size> sizes;
    for (size_t i = 1; i < e.args.size(); ++i) {
      const Estimate arg = estimate(*e.args[i]);
      cost = plus(cost, arg.cost);
      if (space == "sets") sizes.push_back(size_of(arg));
    }
    if (space == "optional") return {.cost = cost};
    if (sizes.size() != 2) throw NotKnown{};
    const uint64_t ways = e.name == "equivalent" ? 2 : 1;
    return {.cost = plus(cost, times(ways, times(sizes[0].most, sizes[1].most))), .size = Size{1, 1}};
  }

  /// opt.optMap(x, expression): a condition, the value bound to x, the expression, made optional again.
  Estimate bind(const Expr& e) {
    const Estimate target = estimate(*e.args[0]);
    const StaticType held = item_of(target.type);
    locals_.push_back({e.args[1]->name, {}, is_scalar(held) ? std::optional(Size{1, 1}) : std::nullopt, {}});
    const uint64_t body = estimate(*e.args[2]).cost;
    locals_.pop_back();
    const uint64_t wrapped = e.name == "optMap" ? 1 : 0;
    return {.cost = plus(plus(times(2, plus(1, target.cost)), kList + wrapped), body)};
  }

  void bind_key(const std::string& name, const Estimate& range) {
    const bool list = range.entries ? range.entries->list : range.type.kind == K::kList;
    locals_.push_back({name,
                       step(range.path, list ? "@indices" : "@keys"),
                       range.entries ? std::optional(range.entries->key) : std::nullopt,
                       {}});
  }

  void bind_value(const std::string& name, const Estimate& range) {
    const bool list = range.entries ? range.entries->list : range.type.kind == K::kList;
    locals_.push_back({name,
                       step(range.path, list ? "@items" : "@values"),
                       range.entries ? std::optional(range.entries->value) : std::nullopt,
                       {}});
  }

  /// A macro over a list or the keys of a map: what it starts from, each step, and what it ends with.
  Estimate loop(const Expr& e) {
    const Estimate range = estimate(*e.args[0]);
    const bool list = range.entries ? range.entries->list : range.type.kind == K::kList;
    const bool two = e.name != "map" && e.args.size() >= 4 && e.args[2]->kind == Kind::kIdent;
    const size_t before = locals_.size();
    if (two) {
      bind_key(e.args[1]->name, range);
      bind_value(e.args[2]->name, range);
    } else if (list) {
      bind_value(e.args[1]->name, range);
    } else {
      bind_key(e.args[1]->name, range);
    }
    std::vector<Estimate> bodies;
    for (size_t i = two ? 3 : 2; i < e.args.size(); ++i)
      bodies.push_back(estimate(*e.args[i]));
    const Estimate variable = estimate(*e.args[1]);
    locals_.resize(before);
    return ended(e.name, range, bodies, variable);
  }

  static Estimate ended(const std::string& name, const Estimate& range, const std::vector<Estimate>& bodies,
                        const Estimate& variable) {
    const uint64_t body = bodies.back().cost;
    const bool makes = name == "map" || name == "filter";
    // Of each item: the question whether to go on and the operator that adds it to the result.
    uint64_t each = plus(body, 2);
    if (name == "all") each = plus(body, 3);
    if (name == "exists") each = plus(body, 4);
    if (name == "map") each = plus(body, 2 + kList);
    if (name == "map" && bodies.size() > 1) each = plus(bodies.front().cost, each);
    if (name == "filter") each = plus(body, 3 + kList);
    const uint64_t ends = makes ? kList + 1 : name == "all" || name == "exists" ? 1 : 2;
    const Size count = size_of(range);
    Estimate out{.cost = plus(plus(range.cost, ends), times(count.most, each))};
    if (!makes) return out;
    out.size = count;
    const std::optional<Size> item = name == "map" ? bodies.back().size : variable.size;
    out.entries = Entries{.value = either(Size{0, 0}, item.value_or(Size{}))};
    return out;
  }

  const Types& types_;
  Place self_;
  std::vector<Local> locals_;
};

}  // namespace

std::optional<uint64_t> estimate_cost(const Program& program, const Types& types, const Schema& self,
                                      bool root) {
  try {
    return Estimator(types, self, root).estimate(program.root()).cost;
  } catch (const NotKnown&) {
    return std::nullopt;
  }
}

}  // namespace stowage::sandbox::cel

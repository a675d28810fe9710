#include "sandbox/apiserver/cel/types.h"

#include <algorithm>

#include "sandbox/apiserver/cel/eval.h"

namespace stowage::sandbox::cel {
namespace {

using K = StaticType::Kind;

std::shared_ptr<const StaticType> shared(StaticType type) {
  return std::make_shared<const StaticType>(std::move(type));
}

bool numeric(K kind) {
  return kind == K::kInt || kind == K::kUint || kind == K::kDouble;
}

/// One letter a type in the table of functions.
bool fits(char letter, const StaticType& type) {
  if (letter == '*' || type.loose()) return true;
  switch (letter) {
    case 's':
      return type.kind == K::kString;
    case 'i':
      return type.kind == K::kInt;
    case 'n':
      return numeric(type.kind);
    case 'b':
      return type.kind == K::kBool;
    case 'y':
      return type.kind == K::kBytes;
    case 't':
      return type.kind == K::kTimestamp;
    case 'D':
      return type.kind == K::kDuration;
    case 'Q':
      return type.kind == K::kQuantity;
    case 'L':
      return type.kind == K::kList;
    case 'M':
      return type.kind == K::kMap || type.kind == K::kObject;
    case 'O':
      return type.kind == K::kOptional;
    default:
      return false;
  }
}

StaticType result(char letter, const std::vector<StaticType>& args) {
  switch (letter) {
    case 's':
      return simple(K::kString);
    case 'i':
      return simple(K::kInt);
    case 'u':
      return simple(K::kUint);
    case 'd':
      return simple(K::kDouble);
    case 'b':
      return simple(K::kBool);
    case 'y':
      return simple(K::kBytes);
    case 't':
      return simple(K::kTimestamp);
    case 'D':
      return simple(K::kDuration);
    case 'Q':
      return simple(K::kQuantity);
    case 'T':
      return simple(K::kType);
    case 'l':
      return list_of(simple(K::kString));
    case 'E':
      return item_of(args[0]);
    case 'A':
      return args[0];
    default:
      return simple(K::kDyn);
  }
}

/// Form: name, "m" (member) or "g" (global) or "mg", arguments, result. The libraries of Kubernetes' CEL
/// environment; '*' where this checker does not look closer.
struct Form {
  std::string_view name, place, arguments;
  char result;
};
constexpr Form kForms[] = {
    {"size", "mg", "s", 'i'},         {"size", "mg", "y", 'i'},
    {"size", "mg", "L", 'i'},         {"size", "mg", "M", 'i'},
    {"startsWith", "m", "ss", 'b'},   {"endsWith", "m", "ss", 'b'},
    {"contains", "m", "ss", 'b'},     {"matches", "mg", "ss", 'b'},
    {"lowerAscii", "m", "s", 's'},    {"upperAscii", "m", "s", 's'},
    {"trim", "m", "s", 's'},          {"reverse", "m", "s", 's'},
    {"reverse", "m", "L", 'A'},       {"split", "m", "ss", 'l'},
    {"split", "m", "ssi", 'l'},       {"join", "m", "L", 's'},
    {"join", "m", "Ls", 's'},         {"replace", "m", "sss", 's'},
    {"replace", "m", "sssi", 's'},    {"substring", "m", "si", 's'},
    {"substring", "m", "sii", 's'},   {"charAt", "m", "si", 's'},
    {"indexOf", "m", "ss", 'i'},      {"indexOf", "m", "ssi", 'i'},
    {"indexOf", "m", "L*", 'i'},      {"lastIndexOf", "m", "ss", 'i'},
    {"lastIndexOf", "m", "ssi", 'i'}, {"lastIndexOf", "m", "L*", 'i'},
    {"find", "m", "ss", 's'},         {"findAll", "m", "ss", 'l'},
    {"findAll", "m", "ssi", 'l'},     {"format", "m", "sL", 's'},
    {"isSorted", "m", "L", 'b'},      {"sum", "m", "L", 'E'},
    {"min", "m", "L", 'E'},           {"max", "m", "L", 'E'},
    {"slice", "m", "Lii", 'A'},       {"flatten", "m", "L", '*'},
    {"flatten", "m", "Li", '*'},      {"distinct", "m", "L", 'A'},
    {"sort", "m", "L", 'A'},          {"first", "m", "L", '*'},
    {"last", "m", "L", '*'},          {"int", "g", "n", 'i'},
    {"int", "g", "s", 'i'},           {"int", "g", "t", 'i'},
    {"int", "g", "D", 'i'},           {"uint", "g", "n", 'u'},
    {"uint", "g", "s", 'u'},          {"double", "g", "n", 'd'},
    {"double", "g", "s", 'd'},        {"string", "g", "n", 's'},
    {"string", "g", "s", 's'},        {"string", "g", "b", 's'},
    {"string", "g", "y", 's'},        {"string", "g", "t", 's'},
    {"string", "g", "D", 's'},        {"bytes", "g", "s", 'y'},
    {"bytes", "g", "y", 'y'},         {"bool", "g", "b", 'b'},
    {"bool", "g", "s", 'b'},          {"dyn", "g", "*", '*'},
    {"type", "g", "*", 'T'},          {"duration", "g", "s", 'D'},
    {"duration", "g", "D", 'D'},      {"duration", "g", "i", 'D'},
    {"timestamp", "g", "s", 't'},     {"timestamp", "g", "t", 't'},
    {"timestamp", "g", "i", 't'},     {"quantity", "g", "s", 'Q'},
    {"isQuantity", "g", "s", 'b'},    {"sign", "m", "Q", 'i'},
    {"add", "m", "QQ", 'Q'},          {"add", "m", "Qi", 'Q'},
    {"sub", "m", "QQ", 'Q'},          {"sub", "m", "Qi", 'Q'},
    {"isLessThan", "m", "**", 'b'},   {"isGreaterThan", "m", "**", 'b'},
    {"compareTo", "m", "**", 'i'},    {"asInteger", "m", "Q", 'i'},
    {"isInteger", "m", "Q", 'b'},     {"asApproximateFloat", "m", "Q", 'd'},
    {"getSeconds", "m", "D", 'i'},    {"getMinutes", "m", "D", 'i'},
    {"getHours", "m", "D", 'i'},      {"getMilliseconds", "m", "D", 'i'},
    {"hasValue", "m", "O", 'b'},      {"value", "m", "O", '*'},
    {"orValue", "m", "O*", '*'},      {"or", "m", "OO", 'A'},
};

/// Functions of libraries whose types are not told apart here.
constexpr std::string_view kOthers[] = {"url",
                                        "isURL",
                                        "getScheme",
                                        "getHost",
                                        "getHostname",
                                        "getPort",
                                        "getEscapedPath",
                                        "getQuery",
                                        "ip",
                                        "isIP",
                                        "family",
                                        "isUnspecified",
                                        "isLoopback",
                                        "isLinkLocalMulticast",
                                        "isLinkLocalUnicast",
                                        "isGlobalUnicast",
                                        "isCanonical",
                                        "cidr",
                                        "isCIDR",
                                        "containsIP",
                                        "containsCIDR",
                                        "masked",
                                        "prefixLength",
                                        "semver",
                                        "isSemver",
                                        "major",
                                        "minor",
                                        "patch",
                                        "validate",
                                        "named",
                                        "unwrap",
                                        "unwrapOpt",
                                        "optMap",
                                        "optFlatMap",
                                        "getFullYear",
                                        "getMonth",
                                        "getDate",
                                        "getDayOfMonth",
                                        "getDayOfWeek",
                                        "getDayOfYear",
                                        "getSeconds",
                                        "getMinutes",
                                        "getHours",
                                        "getMilliseconds",
                                        "quote",
                                        "allocate",
                                        "sortBy",
                                        "includes",
                                        "strings"};

StaticType member_field(const std::string& name, const Schema& schema) {
  const Field* field = schema.field(name);
  if (field == nullptr) field = schema.field(unescape_property(name));
  if (field == nullptr || field->schema == nullptr) return simple(K::kError);
  return type_of(*field->schema, field->schema->embedded);
}

bool comparable(const StaticType& a, const StaticType& b) {
  static constexpr K kOrdered[] = {K::kString, K::kBool, K::kBytes, K::kTimestamp, K::kDuration};
  if (a.loose() || b.loose()) return true;
  if (numeric(a.kind) && numeric(b.kind)) return true;
  return a.kind == b.kind &&
         std::find(std::begin(kOrdered), std::end(kOrdered), a.kind) != std::end(kOrdered);
}

StaticType sum_type(const std::string& op, const StaticType& a, const StaticType& b) {
  if (a.loose() || b.loose()) return simple(K::kDyn);
  const bool plus = op == "+";
  if (numeric(a.kind) && a.kind == b.kind) return a;
  if (a.kind == K::kDuration && b.kind == K::kDuration) return a;
  if (a.kind == K::kTimestamp && b.kind == K::kDuration) return a;
  if (!plus && a.kind == K::kTimestamp && b.kind == K::kTimestamp) return simple(K::kDuration);
  if (!plus) return simple(K::kError);
  if (a.kind == K::kDuration && b.kind == K::kTimestamp) return b;
  if ((a.kind == K::kString || a.kind == K::kBytes) && a.kind == b.kind) return a;
  if (a.kind == K::kList && compatible(a, b)) return joined(a, b);
  return simple(K::kError);
}

}  // namespace

std::string StaticType::name() const {
  static constexpr const char* kNames[] = {"!error!",
                                           "dyn",
                                           "null",
                                           "bool",
                                           "int",
                                           "uint",
                                           "double",
                                           "string",
                                           "bytes",
                                           "google.protobuf.Timestamp",
                                           "google.protobuf.Duration",
                                           "kubernetes.Quantity",
                                           "type"};
  if (kind < Kind::kList) return kNames[static_cast<size_t>(kind)];
  const std::string inner = value == nullptr ? "dyn" : value->name();
  if (kind == Kind::kList) return "list(" + inner + ")";
  if (kind == Kind::kOptional) return "optional_type(" + inner + ")";
  if (kind == Kind::kMap) return "map(" + (key == nullptr ? "dyn" : key->name()) + ", " + inner + ")";
  return "object";
}

StaticType simple(StaticType::Kind kind) {
  return {.kind = kind};
}

StaticType list_of(StaticType item) {
  return {.kind = K::kList, .value = shared(std::move(item))};
}

StaticType item_of(const StaticType& collection) {
  return collection.value == nullptr ? simple(K::kDyn) : *collection.value;
}

StaticType type_of(const Schema& schema, bool root) {
  switch (schema.type) {
    case Type::kIntOrString:
      return simple(K::kDyn);
    case Type::kBool:
      return simple(K::kBool);
    case Type::kInt32:
    case Type::kInt64:
      return simple(K::kInt);
    case Type::kDouble:
      return simple(K::kDouble);
    case Type::kString:
      if (schema.format == "byte") return simple(K::kBytes);
      if (schema.format == "duration") return simple(K::kDuration);
      return simple(schema.format == "date" || schema.format == "date-time" ? K::kTimestamp : K::kString);
    case Type::kArray: {
      if (schema.items == nullptr) return simple(K::kError);
      StaticType item = type_of(*schema.items, schema.items->embedded);
      return item.kind == K::kError ? item : list_of(std::move(item));
    }
    case Type::kObject: {
      if (schema.additional == nullptr || root) return {.kind = K::kObject, .schema = &schema, .root = root};
      StaticType value = type_of(*schema.additional, schema.additional->embedded);
      if (value.kind == K::kError) return value;
      return {.kind = K::kMap, .key = shared(simple(K::kString)), .value = shared(std::move(value))};
    }
    default:
      return root ? StaticType{.kind = K::kObject, .schema = &schema, .root = true} : simple(K::kError);
  }
}

StaticType field_of(const StaticType& object, const std::string& name) {
  if (object.schema == nullptr)
    return simple(name == "name" || name == "generateName" ? K::kString : K::kError);
  if (object.root && (name == "apiVersion" || name == "kind")) return simple(K::kString);
  if (object.root && name == "metadata") return {.kind = K::kObject};
  return member_field(name, *object.schema);
}

bool compatible(const StaticType& a, const StaticType& b) {
  if (a.loose() || b.loose()) return true;
  const auto takes_null = [](K kind) {
    return kind == K::kObject || kind == K::kTimestamp || kind == K::kDuration || kind == K::kQuantity ||
           kind == K::kOptional || kind == K::kNull;
  };
  if (a.kind == K::kNull) return takes_null(b.kind);
  if (b.kind == K::kNull) return takes_null(a.kind);
  if (a.kind != b.kind) {
    // A map literal may stand for an object.
    return (a.kind == K::kMap && b.kind == K::kObject) || (a.kind == K::kObject && b.kind == K::kMap);
  }
  if (a.value != nullptr && b.value != nullptr && !compatible(*a.value, *b.value)) return false;
  return a.key == nullptr || b.key == nullptr || compatible(*a.key, *b.key);
}

StaticType joined(const StaticType& a, const StaticType& b) {
  if (a.loose() || b.loose()) return simple(K::kDyn);
  if (a.kind == K::kNull || (a.value == nullptr && b.value != nullptr)) return b;
  return a;
}

StaticType call_type(const std::string& name, const std::vector<StaticType>& args, bool member, bool& known) {
  known = std::find(std::begin(kOthers), std::end(kOthers), name) != std::end(kOthers);
  const bool other = known;
  for (const Form& form : kForms) {
    if (form.name != name || form.place.find(member ? 'm' : 'g') == std::string_view::npos) continue;
    known = true;
    bool all = form.arguments.size() == args.size();
    for (size_t i = 0; all && i < args.size(); ++i)
      all = fits(form.arguments[i], args[i]);
    // Which form an argument of unknown type chooses is open: then the result is too.
    const bool open = std::any_of(args.begin(), args.end(), [](const StaticType& a) { return a.loose(); });
    if (all) return open && form.result == 'A' ? simple(K::kDyn) : result(form.result, args);
  }
  return simple(other ? K::kDyn : K::kError);
}

StaticType operator_type(const std::string& op, const StaticType& a, const StaticType& b) {
  if (op == "==" || op == "!=") return simple(compatible(a, b) ? K::kBool : K::kError);
  if (op == "<" || op == "<=" || op == ">" || op == ">=")
    return simple(comparable(a, b) ? K::kBool : K::kError);
  if (op == "&&" || op == "||") {
    const auto truth = [](const StaticType& t) { return t.loose() || t.kind == K::kBool; };
    return simple(truth(a) && truth(b) ? K::kBool : K::kError);
  }
  if (op == "in") {
    if (b.loose()) return simple(K::kBool);
    if (b.kind == K::kList) return simple(compatible(a, item_of(b)) ? K::kBool : K::kError);
    if (b.kind == K::kMap) return simple(b.key == nullptr || compatible(a, *b.key) ? K::kBool : K::kError);
    return simple(K::kError);
  }
  if (op == "+" || op == "-") return sum_type(op, a, b);
  if (a.loose() || b.loose()) return simple(K::kDyn);
  const bool whole = op != "%" || a.kind != K::kDouble;
  return numeric(a.kind) && a.kind == b.kind && whole ? a : simple(K::kError);
}

}  // namespace stowage::sandbox::cel

#include <fmt/format.h>

#include "sandbox/apiserver/cel/check.h"
#include "sandbox/apiserver/cel/estimate.h"
#include "sandbox/apiserver/cel/sizes.h"
#include "sandbox/apiserver/custom/constraints.h"
#include "sandbox/apiserver/custom/rule_costs.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/regex.h"

namespace stowage::sandbox {
namespace {

Type type_of(const Json& text) {
  const std::string type = string_at(text, {"type"});
  const std::string format = string_at(text, {"format"});
  if (text.value("x-kubernetes-int-or-string", false)) return Type::kIntOrString;
  if (type == "object") return Type::kObject;
  if (type == "array") return Type::kArray;
  if (type == "string") return Type::kString;
  if (type == "boolean") return Type::kBool;
  if (type == "integer") return format == "int32" ? Type::kInt32 : Type::kInt64;
  if (type == "number") return Type::kDouble;
  return Type::kAny;
}

class Reader {
 public:
  Reader(SchemaSet& set, std::vector<Cause>& causes) : set_(set), causes_(causes) {}

  const Schema* read(const Json& text, const std::string& path, bool root = false) {
    Schema* out = set_.add();
    if (!text.is_object()) return out;
    out->type = type_of(text);
    out->format = string_at(text, {"format"});
    out->description = string_at(text, {"description"});
    out->nullable = text.value("nullable", false);
    out->preserve_unknown = text.value("x-kubernetes-preserve-unknown-fields", false);
    out->embedded = text.value("x-kubernetes-embedded-resource", false);
    out->atomic = string_at(text, {"x-kubernetes-map-type"}) == "atomic";
    const std::string list_type = string_at(text, {"x-kubernetes-list-type"});
    out->list_type = list_type == "map"   ? ListType::kMap
                     : list_type == "set" ? ListType::kSet
                                          : ListType::kAtomic;
    if (const Json* keys = find(text, "x-kubernetes-list-map-keys"))
      out->list_keys = keys->get<std::vector<std::string>>();
    if (const Json* items = find(text, "items"))
      out->items = read_many(*items, path + ".items", integer(text, "maxItems"));
    if (const Json* extra = find(text, "additionalProperties")) {
      if (extra->is_object())
        out->additional = read_many(*extra, path + ".additionalProperties", integer(text, "maxProperties"));
      if (*extra == Json(true)) out->preserve_unknown = true;
    }
    read_fields(text, *out, path);
    const auto constraints = read_constraints(text, path);
    out->constraints = constraints;
    // What a rule may cost depends on all of the above.
    if (const Json* rules = find(text, "x-kubernetes-validations"); rules != nullptr && rules->is_array()) {
      for (size_t i = 0; i < rules->size(); ++i) {
        read_rule((*rules)[i], fmt::format("{}.x-kubernetes-validations[{}]", path, i),
                  {*out, root || out->embedded}, *constraints);
      }
    }
    return out;
  }

  /// What the rules of all that was read would cost together.
  void finish(const std::string& path) { costs_.finish(path, causes_); }

 private:
  /// The schema of what a list or map has at most `most` of, if that is bounded.
  const Schema* read_many(const Json& text, const std::string& path, std::optional<int64_t> most) {
    const std::optional<uint64_t> outside = instances_;
    instances_.reset();
    if (outside && most)
      instances_ = cel::times(*outside, static_cast<uint64_t>(std::max<int64_t>(*most, 0)));
    const Schema* out = read(text, path);
    instances_ = outside;
    return out;
  }

  void read_fields(const Json& text, Schema& out, const std::string& path) {
    if (const Json* properties = find(text, "properties"); properties != nullptr && properties->is_object()) {
      for (const auto& [key, value] : properties->items()) {
        Field field;
        field.name = key;
        field.schema = read(value, fmt::format("{}.properties[{}]", path, key));
        if (const Json* preset = find(value, "default")) {
          field.default_value = std::make_shared<const Json>(*preset);
          check_default(*preset, *field.schema, fmt::format("{}.properties[{}].default", path, key), causes_);
        }
        out.fields.emplace(key, std::move(field));
      }
    }
    const Json* required = find(text, "required");
    if (required == nullptr || !required->is_array()) return;
    for (const Json& name : *required) {
      if (!name.is_string()) continue;
      Field& field = out.fields[name.get<std::string>()];
      if (field.schema == nullptr) {
        field.name = name.get<std::string>();
        field.schema = set_.add();
      }
      field.required = true;
    }
  }

  static std::optional<int64_t> integer(const Json& text, const char* key) {
    const Json* value = find(text, key);
    return value != nullptr && value->is_number() ? std::optional(value->get<int64_t>()) : std::nullopt;
  }

  static std::optional<double> number(const Json& text, const char* key) {
    const Json* value = find(text, key);
    return value != nullptr && value->is_number() ? std::optional(value->get<double>()) : std::nullopt;
  }

  std::vector<const Schema*> several(const Json& text, const char* key, const std::string& path) {
    std::vector<const Schema*> out;
    if (const Json* list = find(text, key); list != nullptr && list->is_array()) {
      for (const Json& item : *list)
        out.push_back(read_alternative(item, path + "." + key));
    }
    return out;
  }

  /// Rules there are not counted.
  const Schema* read_alternative(const Json& text, const std::string& path) {
    ++alternatives_;
    const Schema* out = read(text, path);
    --alternatives_;
    return out;
  }

  std::shared_ptr<Constraints> read_constraints(const Json& text, const std::string& path) {
    auto c = std::make_shared<Constraints>();
    if (const Json* list = find(text, "enum"); list != nullptr && list->is_array())
      c->allowed.assign(list->begin(), list->end());
    c->minimum = number(text, "minimum");
    c->maximum = number(text, "maximum");
    c->multiple_of = number(text, "multipleOf");
    c->exclusive_minimum = text.value("exclusiveMinimum", false);
    c->exclusive_maximum = text.value("exclusiveMaximum", false);
    c->min_length = integer(text, "minLength");
    c->max_length = integer(text, "maxLength");
    c->min_items = integer(text, "minItems");
    c->max_items = integer(text, "maxItems");
    c->min_properties = integer(text, "minProperties");
    c->max_properties = integer(text, "maxProperties");
    c->unique = text.value("uniqueItems", false);
    c->pattern = string_at(text, {"pattern"});
    if (!c->pattern.empty() && compile_regex(c->pattern) == nullptr) {
      causes_.push_back({"FieldValueInvalid",
                         fmt::format("Invalid value: {}: must be a valid regular expression, but isn't: {}",
                                     dump(Json(c->pattern)), regex_problem(c->pattern)),
                         path + ".pattern"});
    }
    c->all_of = several(text, "allOf", path);
    c->any_of = several(text, "anyOf", path);
    c->one_of = several(text, "oneOf", path);
    if (const Json* negated = find(text, "not")) c->negated = read_alternative(*negated, path + ".not");
    return c;
  }

  /// What `self` is in a rule, and the rule as a whole.
  struct RuleSelf {
    const Schema& schema;
    bool root;
  };

  /// kube-apiserver shows the whole rule as its Go struct in JSON, which escapes what HTML would mind.
  static std::string shown(const Json& rule) {
    std::string out;
    const auto member = [&](const char* name, const char* key, bool text) {
      const Json* value = find(rule, key);
      out += fmt::format("{}\"{}\":{}", out.empty() ? "{" : ",", name,
                         value != nullptr ? dump(*value)
                         : text           ? "\"\""
                                          : "null");
    };
    member("Rule", "rule", true);
    member("Message", "message", true);
    member("MessageExpression", "messageExpression", true);
    member("Reason", "reason", false);
    member("FieldPath", "fieldPath", true);
    member("OptionalOldSelf", "optionalOldSelf", false);
    std::string escaped;
    for (const char c : out + "}") {
      if (c == '<' || c == '>' || c == '&') {
        escaped += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
      } else {
        escaped += c;
      }
    }
    return escaped;
  }

  std::shared_ptr<const cel::Program> compile(const Json& rule, const std::string& text,
                                              const std::string& path, const RuleSelf& self,
                                              cel::Wanted wanted) {
    auto program = cel::Program::compile(text);
    cel::Types types;
    std::string why = program ? cel::check(*program, text, self.schema, self.root, wanted, &types)
                              : "compilation failed: " + program.error();
    if (why.empty()) {
      if (alternatives_ == 0) count_cost(*program, types, path, self, wanted);
      return std::make_shared<const cel::Program>(*std::move(program));
    }
    if (wanted == cel::Wanted::kString && why.starts_with("compilation")) why = "messageExpression " + why;
    causes_.push_back({"FieldValueInvalid", fmt::format("Invalid value: {}: {}", shown(rule), why), path});
    return nullptr;
  }

  /// A rule runs once for each value of its schema, a message at most once.
  void count_cost(const cel::Program& program, const cel::Types& types, const std::string& path,
                  const RuleSelf& self, cel::Wanted wanted) {
    const auto cost = cel::estimate_cost(program, types, self.schema, self.root);
    if (!cost) return;
    if (wanted == cel::Wanted::kString)
      return costs_.add("estimated messageExpression cost", *cost, path, causes_);
    const uint64_t times = instances_ ? *instances_ : cel::most_per_request(self.schema, self.root);
    costs_.add("estimated rule cost", cel::times(*cost, times), path, causes_);
  }

  void read_rule(const Json& text, const std::string& path, const RuleSelf& self, Constraints& c) {
    Rule rule;
    rule.text = string_at(text, {"rule"});
    if (rule.text.empty()) {
      causes_.push_back({"FieldValueRequired", "Required value: rule is not specified", path + ".rule"});
      return;
    }
    rule.message = string_at(text, {"message"});
    rule.reason = string_at(text, {"reason"});
    rule.field_path = string_at(text, {"fieldPath"});
    rule.program = compile(text, rule.text, path + ".rule", self, cel::Wanted::kBool);
    if (const std::string message = string_at(text, {"messageExpression"}); !message.empty()) {
      rule.message_program = compile(text, message, path + ".messageExpression", self, cel::Wanted::kString);
    }
    if (rule.program == nullptr) return;
    rule.needs_old = rule.program->mentions("oldSelf") && !text.value("optionalOldSelf", false);
    c.rules.push_back(std::move(rule));
  }

  SchemaSet& set_;
  std::vector<Cause>& causes_;
  RuleCosts costs_;
  /// How many values of the schema at hand an object can hold; nothing: as many as a request has room for.
  std::optional<uint64_t> instances_ = 1;
  int alternatives_ = 0;  ///< Levels of allOf, anyOf, oneOf and not around it.
};

}  // namespace

const Schema* parse_structural(const Json& text, SchemaSet& set, const std::string& path,
                               std::vector<Cause>& causes) {
  Reader reader(set, causes);
  const Schema* out = reader.read(text, path, /*root=*/true);
  reader.finish(path);
  return out;
}

}  // namespace stowage::sandbox

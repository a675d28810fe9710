// The rules of a custom resource (x-kubernetes-validations). Order, budget and words:
// apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/custom/constraints.h"
#include "sandbox/apiserver/json_io.h"

namespace stowage::sandbox {
namespace {

constexpr size_t kMaxMessage = size_t{5} * 1024;  // of a messageExpression, as there

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string::npos ? std::string()
                                    : text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

/// Items of keyed lists are followed from the old object; of other lists they are not.
class OldItems {
 public:
  OldItems(const Json* old, const Schema& schema) : schema_(schema) {
    if (old == nullptr || !old->is_array() || schema.list_type != ListType::kMap) return;
    for (const Json& item : *old)
      items_.emplace(key_of(item), &item);
  }
  [[nodiscard]] const Json* of(const Json& item) const {
    if (items_.empty()) return nullptr;
    const auto it = items_.find(key_of(item));
    return it == items_.end() ? nullptr : it->second;
  }

 private:
  [[nodiscard]] std::string key_of(const Json& item) const {
    Json key = Json::array();
    for (const std::string& name : schema_.list_keys) {
      const Json* part = find(item, name);
      key.push_back(part != nullptr ? Json::array({*part}) : Json());
    }
    return dump(key);
  }

  const Schema& schema_;
  std::map<std::string, const Json*> items_;
};

class RuleChecker {
 public:
  explicit RuleChecker(std::vector<Cause>& causes) : causes_(causes) {}

  void check(const Json& value, const Json* old, const Schema& schema, const std::string& path) {
    if (ended_ || value.is_null()) return;
    if (schema.constraints != nullptr) {
      for (const Rule& rule : schema.constraints->rules) {
        if (!ended_) apply(rule, value, old, schema, path);
      }
    }
    if (value.is_object()) check_members(value, old, schema, path);
    if (!value.is_array() || schema.items == nullptr) return;
    const OldItems before(old, schema);
    for (size_t i = 0; i < value.size() && !ended_; ++i)
      check(value[i], before.of(value[i]), *schema.items, fmt::format("{}[{}]", path, i));
  }

 private:
  void check_members(const Json& value, const Json* old, const Schema& schema, const std::string& path) {
    for (const auto& [key, member] : value.items()) {
      const Field* field = schema.field(key);
      const Schema* type = field != nullptr ? field->schema : schema.additional;
      if (type == nullptr) continue;
      const std::string below = path.empty()       ? key
                                : field != nullptr ? path + "." + key
                                                   : fmt::format("{}[{}]", path, key);
      check(member, old == nullptr ? nullptr : find(*old, key), *type, below);
    }
  }

  void apply(const Rule& rule, const Json& value, const Json* old, const Schema& schema,
             const std::string& path) {
    if (rule.needs_old && old == nullptr) return;
    const std::map<std::string, const Json*> variables = {{"self", &value}, {"oldSelf", old}};
    const bool nothing_left = budget_.cost <= 0;
    const auto verdict = rule.program->test(variables, budget_);
    if (nothing_left || budget_.cost < 0) {
      return end(
          schema, path,
          "validation failed due to running out of cost budget, no further validation rules will be run");
    }
    if (!verdict) return report(rule, verdict.error(), schema, path);
    if (!*verdict) refuse(rule, value, variables, path);
  }

  /// The value is given by its type alone: it may be large.
  void fail(const Schema& schema, const std::string& path, const std::string& why) {
    causes_.push_back({"FieldValueInvalid",
                       fmt::format("Invalid value: \"{}\": {}", type_word(schema.type), why),
                       path.empty() ? "<nil>" : path});
  }

  void end(const Schema& schema, const std::string& path, const std::string& why) {
    fail(schema, path, why);
    ended_ = true;
  }

  void report(const Rule& rule, const std::string& error, const Schema& schema, const std::string& path) {
    const std::string shown = trimmed(rule.message.empty() ? rule.text : rule.message);
    if (error == cel::kCostExceeded) {
      return end(
          schema, path,
          fmt::format("'{}': no further validation rules will be run due to call cost exceeds limit for "
                      "rule: {}",
                      error, shown));
    }
    fail(schema, path,
         error.starts_with("no such overload")
             ? fmt::format("'{}': call arguments did not match a supported operator, function or macro "
                           "signature for rule: {}",
                           error, shown)
             : fmt::format("{} evaluating rule: {}", error, shown));
  }

  /// What a rule's messageExpression says; empty when it says nothing that can be shown.
  std::string spoken(const Rule& rule, const std::map<std::string, const Json*>& variables) {
    if (rule.message_program == nullptr) return {};
    const auto text = rule.message_program->text(variables, budget_);
    const std::string out = text ? trimmed(*text) : std::string();
    return out.size() > kMaxMessage || out.find('\n') != std::string::npos ? std::string() : out;
  }

  void refuse(const Rule& rule, const Json& value, const std::map<std::string, const Json*>& variables,
              const std::string& path) {
    std::string message = spoken(rule, variables);
    if (message.empty())
      message = rule.message.empty() ? "failed rule: " + trimmed(rule.text) : trimmed(rule.message);
    const std::string field = rule.field_path.empty() ? path : path + rule.field_path;
    // Structured values are not printed.
    const std::string shown = value.is_structured() ? std::string() : dump(value) + ": ";
    const std::string reason = rule.reason.empty() ? "FieldValueInvalid" : rule.reason;
    if (reason == "FieldValueForbidden") message = "Forbidden: " + message;
    if (reason == "FieldValueRequired") message = "Required value: " + message;
    if (reason == "FieldValueDuplicate") message = fmt::format("Duplicate value: {}", dump(value));
    if (reason == "FieldValueInvalid") message = fmt::format("Invalid value: {}{}", shown, message);
    causes_.push_back({reason, std::move(message), field.empty() ? "<nil>" : field});
    ended_ = causes_.size() >= kMaxCauses;
  }

  static constexpr size_t kMaxCauses = 100;

  std::vector<Cause>& causes_;
  cel::Budget budget_;
  bool ended_ = false;
};

}  // namespace

void check_rules(const Json& object, const Json* old, const Schema& schema, std::vector<Cause>& causes) {
  RuleChecker(causes).check(object, old, schema, "");
}

}  // namespace stowage::sandbox

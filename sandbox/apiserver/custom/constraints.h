#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/apiserver/api_error.h"
#include "sandbox/apiserver/cel/cel.h"
#include "sandbox/apiserver/schema.h"

namespace stowage::sandbox {

struct Rule {
  std::string text, message, reason, field_path;
  std::shared_ptr<const cel::Program> program, message_program;
  bool needs_old = false;
};

/// What a custom resource's schema demands beyond shape.
struct Constraints {
  std::vector<Json> allowed;
  std::optional<double> minimum, maximum, multiple_of;
  bool exclusive_minimum = false, exclusive_maximum = false;
  std::optional<int64_t> min_length, max_length, min_items, max_items, min_properties, max_properties;
  std::string pattern;
  bool unique = false;
  std::vector<const Schema*> all_of, any_of, one_of;
  const Schema* negated = nullptr;
  std::vector<Rule> rules;
};

/// The schema language's word for a type; empty where values may have several.
const char* type_word(Type type);

/// Runs the rules of a schema over a whole object, within the budget that kube-apiserver gives one: what
/// fails is added to `causes`. `old`: the stored object, or null when there is none.
void check_rules(const Json& object, const Json* old, const Schema& schema, std::vector<Cause>& causes);

/// What is wrong with an openAPIV3Schema itself is added to `causes`, under `path`.
void check_schema(const Json& schema, const std::string& path, std::vector<Cause>& causes);

/// A default must fit its own schema: what does not is added to `causes`, under `path`.
void check_default(const Json& value, const Schema& schema, const std::string& path,
                   std::vector<Cause>& causes);

/// Reads an openAPIV3Schema. Problems (CEL syntax, malformed parts) are added to `causes` under `path`.
const Schema* parse_structural(const Json& text, SchemaSet& set, const std::string& path,
                               std::vector<Cause>& causes);

}  // namespace stowage::sandbox

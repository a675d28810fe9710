#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sandbox/apiserver/cel/cel.h"
#include "sandbox/apiserver/cel/expr.h"

namespace stowage::sandbox::cel {

/// An evaluation that failed; caught in Program.
struct EvalError {
  std::string message;
};

/// The budget is gone. No operator recovers from it, unlike from an EvalError.
struct Exhausted {};

/// Evaluates trees. One object per evaluation: it counts the cost.
class Evaluator {
 public:
  Evaluator(const std::map<std::string, const Json*>& variables, Budget& budget)
      : variables_(variables), budget_(budget) {}
  ~Evaluator() { budget_.cost -= cost_; }
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;
  Value eval(const Expr& e);

 private:
  /// Units of cost; throws Exhausted beyond the limit of one evaluation.
  void spend(int64_t units);
  /// Bytes that are copied or compared.
  void touch(int64_t bytes);
  Json copied(const Value& value);
  static int64_t cost_of_step(const std::string& macro);
  Value child_of(const Value& parent, const Json& child);
  Value applied(const std::string& name, const std::vector<Value>& args);
  Value ident(const Expr& e);
  Value select(const Value& base, const std::string& name);
  Value index(const Value& base, const Value& key);
  Value call(const Expr& e);
  Value member(const Expr& e);
  Value unary(const Expr& e);
  Value binary(const Expr& e);
  Value logic(const Expr& e);
  Value has(const Expr& e);
  Value macro(const Expr& e, const std::string& name, bool& handled);

  const std::map<std::string, const Json*>& variables_;
  std::vector<std::pair<std::string, Value>> bound_;  ///< Loop variables, innermost last.
  Budget& budget_;
  int64_t cost_ = 0;
};

// cost.cc
/// Units of a function call, but for its arguments. `result` counts for join.
int64_t call_cost(const std::string& name, const std::vector<Value>& args);
int64_t result_cost(const std::string& name, const Value& result);
/// Units of an operator on two values.
int64_t operator_cost(const std::string& op, const Value& a, const Value& b);
/// Bytes of a value: of its text, or about those of its tree. Takes as long as reading it.
int64_t bytes_of(const Value& value);
int64_t bytes_of(const Json& tree);
/// Bytes that a function reads of its arguments or makes of them, at most.
int64_t call_bytes(const std::string& name, const std::vector<Value>& args);

// functions.cc
/// A function call; the receiver, if any, is the first argument.
Value call_function(const std::string& name, const std::vector<Value>& args);
Value arithmetic(const std::string& op, const Value& a, const Value& b);
/// Negative, zero or positive.
int order(const Value& a, const Value& b);
/// "self.a__dash__b" names the property a-b.
std::string unescape_property(const std::string& name);

}  // namespace stowage::sandbox::cel

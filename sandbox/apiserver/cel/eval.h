#pragma once

#include <map>
#include <string>
#include <vector>

#include "sandbox/apiserver/cel/expr.h"

namespace stowage::sandbox::cel {

/// An evaluation that failed; caught in Program.
struct EvalError {
  std::string message;
};

/// Evaluates trees. One object per evaluation: it counts the work.
class Evaluator {
 public:
  explicit Evaluator(const std::map<std::string, const Json*>& variables) : variables_(variables) {}
  Value eval(const Expr& e);

 private:
  void spend(int64_t work);
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
  int64_t budget_ = 1'000'000;
};

// functions.cc
/// A function call; the receiver, if any, is the first argument.
Value call_function(const std::string& name, const std::vector<Value>& args);
Value arithmetic(const std::string& op, const Value& a, const Value& b);
/// Negative, zero or positive.
int order(const Value& a, const Value& b);
/// "self.a__dash__b" names the property a-b.
std::string unescape_property(const std::string& name);

}  // namespace stowage::sandbox::cel

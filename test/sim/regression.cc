#include "test/sim/regression.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace stowage::sim {

using Json = nlohmann::json;

Result<std::string> save_regression(const std::string& folder, const SimOptions& options,
                                    const Outcome& outcome, const std::vector<Fault>& kept) {
  Json faults = Json::array();
  for (const Fault& fault : kept)
    faults.push_back({{"id", fault.id}, {"what", fault.what}});
  const Violation& broken = outcome.violations.front();
  const Json json = {{"seed", options.seed},
                     {"replicas", options.replicas},
                     {"broke", {{"invariant", broken.invariant}, {"what", broken.what}}},
                     {"faults", faults}};
  const std::string path = fmt::format("{}/{}-seed-{}.json", folder, broken.invariant, options.seed);
  std::ofstream out(path);
  out << json.dump(2) << "\n";
  if (!out.flush()) return fail(Code::kUnavailable, "cannot write " + path);
  return path;
}

Result<SimOptions> load_regression(const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail(Code::kNotFound, "cannot read " + path);
  std::stringstream text;
  text << in.rdbuf();
  const Json json = Json::parse(text.str(), nullptr, false);
  const bool whole = json.is_object() && json.contains("seed") && json["seed"].is_number_unsigned() &&
                     json.contains("faults") && (json["faults"].is_array() || json["faults"] == "all");
  if (!whole)
    return fail(Code::kMalformed, path + ": wants {\"seed\": N, \"faults\": [{\"id\": ...}] or \"all\"}");
  SimOptions out{.seed = json["seed"], .replicas = json.value("replicas", 2)};
  if (json["faults"] == "all") return out;
  out.only.emplace();
  for (const Json& fault : json["faults"]) {
    if (!fault.is_object() || !fault.contains("id") || !fault["id"].is_string())
      return fail(Code::kMalformed, path + ": a fault without id");
    out.only->insert(fault["id"].get<std::string>());
  }
  return out;
}

}  // namespace stowage::sim

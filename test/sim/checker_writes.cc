#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/core/json_walk.h"
#include "sandbox/apiserver/json_io.h"
#include "test/sim/checker.h"

// I1, I6, I8, I9, I10, I12: what a single write must not do.
namespace stowage::sim {
namespace {

using Json = nlohmann::json;

bool is_lease(const std::string& target) {
  return target.find("/leases") != std::string::npos;
}

/// What a role may change of an object that exists, by path.
bool may_change(const Write& write, const std::string& what, std::string_view part) {
  const bool pod = what.starts_with("pod ");
  if (write.role == "operator")
    return pod ? part == "deleting" : part.starts_with("status.") && part != "status.placement";
  if (pod)
    return part == "spec" || part == "status.conditions" || part == "status.nominatedNodeName" ||
           (part == "metadata.annotations" && write.request.target.ends_with("/binding"));
  return part == "status.placement";
}

std::vector<api::Condition> others(const api::Pod& pod) {
  std::vector<api::Condition> out = pod.status.conditions;
  std::erase_if(out, [](const auto& condition) { return condition.type == "PodScheduled"; });
  return out;
}

}  // namespace

Parts read_parts(std::string_view json) {
  Parts out;
  const auto read = api::read_json(json, [&](api::JsonValue root) {
    root.object([&](std::string_view key, api::JsonValue value) {
      if (key == "apiVersion" || key == "kind") return;
      if (key != "metadata" && key != "status") {
        out[std::string(key)] = value.raw();
        return;
      }
      const bool meta = key == "metadata";
      value.object([&](std::string_view name, api::JsonValue part) {
        if (meta && name == "deletionTimestamp") out["deleting"] = "true";
        if (meta && name != "labels" && name != "annotations" && name != "ownerReferences" &&
            name != "finalizers")
          return;
        out[std::string(key) + "." + std::string(name)] = part.raw();
      });
    });
  });
  if (!read) out.clear();
  return out;
}

void Checker::check_parts(const Write& write, const std::string& what, const Parts& before,
                          const Parts& after, const api::Pod* pod_before, const api::Pod* pod_after) {
  if (write.role.empty()) return;
  std::set<std::string> changed;
  for (const auto& [part, text] : after) {
    const auto it = before.find(part);
    if (it == before.end() || it->second != text) changed.insert(part);
  }
  for (const auto& [part, text] : before) {
    if (!after.contains(part)) changed.insert(part);
  }
  for (const std::string& part : changed) {
    if (!may_change(write, what, part))
      report("I6", fmt::format("{} changes {} of {} by {}", write.who, part, what, write.request.target));
  }
  if (pod_before == nullptr) return;
  if (others(*pod_before) != others(*pod_after))
    report("I6", fmt::format("{} changes a condition of {} that is not its own", write.who, what));
  api::PodSpec spec = pod_after->spec;
  spec.node_name = pod_before->spec.node_name;
  if (spec != pod_before->spec) report("I6", fmt::format("{} changes the spec of {}", write.who, what));
}

void Checker::check_secrecy(const std::string& where, std::string_view text) {
  if (text.find(kSecret) != std::string_view::npos) report("I12", "a secret value stands in " + where);
}

void Checker::check_holder(const std::string& who, const std::string& role, const std::string& target,
                           const char* moment) {
  const auto holder = holders_.find(role);
  if (holder == holders_.end() || holder->second == who) return;
  report("I9", fmt::format("{} {} {} while {} holds the lease", who, moment, target,
                           holder->second.empty() ? "nobody" : holder->second));
}

void Checker::on_send(const Sent& sent) {
  const kube::HttpRequest& request = sent.request;
  check_holder(sent.who, sent.role, request.target, "sends");
  if (sent.fence != MonoTime::max() &&
      (sent.fence == MonoTime::min() || sent.local + request.timeout > sent.fence))
    report("I9", fmt::format("{} sends {} with a deadline behind its fence", sent.who, request.target));
  Flight& flight = flights_[sent.who + " " + request.target];
  flight = {.at = sent.now, .unknown = {}};
  if (!request.target.ends_with("/binding")) return;
  const Json body = sandbox::parse_stored(request.body);
  const std::string node = body.is_object() ? body.value("/target/name"_json_pointer, std::string()) : "";
  for (const auto& [uid, pod] : pods_) {
    if (pod.spec.node_name == node && bound_by_others_.contains(uid) && !sent.knows(uid))
      flight.unknown.insert(uid);
  }
}

void Checker::on_read(const std::string& who, const kube::HttpRequest& request, MonoTime now) {
  const std::string& target = request.target;
  if (trace_on_ && !is_lease(target)) trace(now, fmt::format("{} reads {}", who, target));
  if (target.find("/secrets") != std::string::npos) report("I12", fmt::format("{} reads {}", who, target));
  const bool list =
      target.find("watch=") == std::string::npos &&
      (target.find("limit=") != std::string::npos || target.find("resourceVersion=") != std::string::npos);
  if (silence_ && list) report("I8", fmt::format("{} lists at rest: {}", who, target));
}

/// Who holds which lease, as the server has it.
void Checker::note_lease(const Write& write) {
  const Json body = sandbox::parse_stored(write.request.body);
  if (!body.is_object() || !body.contains("spec") || !body["spec"].contains("holderIdentity")) return;
  if (write.request.method == kube::Method::kPatch &&
      !body.contains("/metadata/resourceVersion"_json_pointer))
    report("I6", fmt::format("{} writes over whatever {} says now", write.who, write.request.target));
  const Json& holder = body["spec"]["holderIdentity"];
  holders_[write.role] = holder.is_string() ? holder.get<std::string>() : "";
}

/// Which deployment of this name the sender believes in: it says so in each status.
void Checker::note_status(const Write& write) {
  const std::string target = write.request.target.substr(0, write.request.target.find('?'));
  if (write.role != "operator" || target.find("/modeldeployments/") == std::string::npos) return;
  const Json body = sandbox::parse_stored(write.request.body);
  if (!body.is_object()) return;
  const std::string key = body.value("/metadata/namespace"_json_pointer, std::string()) + "/" +
                          body.value("/metadata/name"_json_pointer, std::string());
  knows_[write.who + " " + key] = body.value("/metadata/uid"_json_pointer, std::string());
}

/// What an earlier namesake owned is the garbage collector's.
void Checker::check_foreign_delete(const Write& write, const std::string& uid) {
  const auto it = pods_.find(uid);
  if (it == pods_.end() || write.role != "operator") return;
  const api::Pod& pod = it->second;
  const auto known =
      knows_.find(write.who + " " + pod.meta.ns + "/" + pod.meta.label("stowage.dev/deployment"));
  const auto* owner = pod.meta.controller();
  if (known == knows_.end() || owner == nullptr || known->second.empty() || owner->uid == known->second)
    return;
  report("I5", fmt::format("{} deletes pod {}, which an earlier namesake owns", write.who, pod.meta.key()));
}

void Checker::check_delete(const Write& write) {
  const kube::HttpRequest& request = write.request;
  const bool removal = request.method == kube::Method::kDelete;
  const bool eviction = request.method == kube::Method::kPost && request.target.ends_with("/eviction");
  if (!removal && !eviction) return;
  const Json body = sandbox::parse_stored(request.body);
  const Json options = eviction && body.is_object() ? body.value("deleteOptions", Json::object()) : body;
  const bool has_uid =
      options.is_object() && !options.value("preconditions", Json::object()).value("uid", "").empty();
  if (!has_uid) return report("I10", fmt::format("{} deletes {} without its UID", write.who, request.target));
  check_foreign_delete(write, options["preconditions"]["uid"].get<std::string>());
}

void Checker::check_bind(const Write& write) {
  const kube::HttpRequest& request = write.request;
  if (!request.target.ends_with("/binding")) return;
  const Json body = sandbox::parse_stored(request.body);
  const std::string uid = body.is_object() ? body.value("/metadata/uid"_json_pointer, std::string()) : "";
  if (uid.empty()) report("I1", fmt::format("{} binds {} without its UID", write.who, request.target));
  if (write.status / 100 == 2 && !bound_.insert(request.target + uid).second)
    report("I1", "bound twice: " + request.target);
}

void Checker::after_write(const Write& write) {
  const kube::HttpRequest& request = write.request;
  if (request.method == kube::Method::kGet) return;
  const bool lease = is_lease(request.target);
  if (trace_on_ && !lease)
    trace(write.now, fmt::format("{}{} {} {} -> {}", write.who, write.late ? " (late)" : "",
                                 kube::method_name(request.method), request.target, write.status));
  const bool process = !write.role.empty() && !write.late;
  if (process) {
    check_delete(write);
    check_bind(write);
    check_secrecy(write.who + "'s write " + request.target, request.body);
    if (!lease) check_holder(write.who, write.role, request.target, "writes");
  }
  if (write.status < 200 || write.status >= 300) return;
  if (lease && process) note_lease(write);
  if (process) note_status(write);
  if (!lease) ++writes_;
  if (silence_ && !lease) report("I8", fmt::format("{} writes at rest: {}", write.who, request.target));
  look(write.now, write.wall, process ? &write : nullptr);
}

}  // namespace stowage::sim

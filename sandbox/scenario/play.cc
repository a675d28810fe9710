#include "sandbox/scenario/play.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "sandbox/apiserver/core.h"
#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/watch.h"
#include "sandbox/scenario/stage.h"
#include "sandbox/world/engine_metrics.h"
#include "sandbox/world/nodes.h"

namespace stowage::sandbox {
namespace {

class Player {
 public:
  Player(const Scenario& scenario, uint64_t seed, const std::string& folder, Timeline::Tell tell)
      : scenario_(scenario), folder_(folder), stage_(seed, scenario, std::move(tell)) {}

  Result<void> operator()() {
    TRY_VOID(stage_.open());
    for (const NodeGroup& group : scenario_.nodes) {
      if (auto added = add(group); !added) return at_line(group.line, added.error());
    }
    stage_.drive().settle();
    for (const Step& step : scenario_.steps) {
      if (auto done = take(step); !done) return at_line(step.line, done.error());
      stage_.drive().settle();
    }
    return {};
  }

 private:
  [[nodiscard]] std::unexpected<Error> at_line(int line, const Error& error) const {
    return wrong(fmt::format("{}:{}: {}", scenario_.file, line, error.message));
  }
  static std::unexpected<Error> wrong(std::string what) {
    return fail(Code::kInvalidArgument, std::move(what));
  }

  Result<void> add(const NodeGroup& group) {
    TRY(const auto profile, Profile::load(folder_, group.profile));
    return create_nodes(stage_.server(), profile, static_cast<size_t>(group.first),
                        static_cast<size_t>(group.count), stage_.wall());
  }

  /// Path of the collection of a kind.
  Result<std::string> collection(const std::string& kind, const std::string& ns,
                                 std::string_view api_version = {}) {
    for (const ResourcePtr& resource : stage_.server().core().registry.all()) {
      if (resource->kind != kind || (!api_version.empty() && resource->api_version() != api_version))
        continue;
      const std::string prefix = resource->group.empty() ? "/api/" : "/apis/";
      const std::string middle = resource->namespaced ? "/namespaces/" + ns : "";
      return prefix + resource->api_version() + middle + "/" + resource->plural;
    }
    return wrong(fmt::format("the server knows no kind {} {}", kind, api_version));
  }

  Result<void> answered(const Response& answer, const std::string& what) {
    if (answer.status < 300) return {};
    return wrong(
        fmt::format("{}: {}", what, string_at(Json::parse(answer.body, nullptr, false), {"message"})));
  }

  Result<void> apply(const std::string& text) {
    const Json object = Json::parse(text);
    std::string ns = string_at(object, {"metadata", "namespace"});
    if (ns.empty()) ns = "default";
    const std::string name = string_at(object, {"metadata", "name"});
    TRY(const auto path, collection(string_at(object, {"kind"}), ns, string_at(object, {"apiVersion"})));
    const Response answer = stage_.request("POST", path, text);
    if (answer.status != 409) return answered(answer, "apply " + name);
    return answered(stage_.request("PATCH", path + "/" + name, text, "application/merge-patch+json"),
                    "apply " + name);
  }

  Result<std::string> node_of(const Step& step) {
    if (!step.node.empty()) return step.node;
    const Response answer = stage_.request("GET", "/api/v1/namespaces/default/pods/" + step.node_of);
    const std::string node = string_at(Json::parse(answer.body, nullptr, false), {"spec", "nodeName"});
    if (node.empty()) return wrong(fmt::format("pod {} is not there or not bound", step.node_of));
    return node;
  }

  bool strike(const Step& step, const std::string& node) {
    if (step.kind == Step::Kind::kLoseNode) return stage_.lose(node);
    if (step.kind == Step::Kind::kSpotNotice) return stage_.notice(node, step.span, step.grace);
    if (step.kind == Step::Kind::kNodeReady) return stage_.set_ready(node);
    return stage_.silence(node, step.span);
  }

  Result<void> take(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kApply:
        for (const std::string& object : step.objects)
          TRY_VOID(apply(object));
        return {};
      case Step::Kind::kPatch: {
        TRY(const auto path, collection(step.object.kind, step.object.ns));
        return answered(stage_.request("PATCH", path + "/" + step.object.name, step.patch,
                                       "application/merge-patch+json"),
                        "patch " + step.object.name);
      }
      case Step::Kind::kDelete: {
        TRY(const auto path, collection(step.object.kind, step.object.ns));
        return answered(stage_.request("DELETE", path + "/" + step.object.name),
                        "delete " + step.object.name);
      }
      case Step::Kind::kAddNodes:
        return add(step.nodes);
      case Step::Kind::kLoseNode:
      case Step::Kind::kSpotNotice:
      case Step::Kind::kNodeNotReady:
      case Step::Kind::kNodeReady: {
        TRY(const auto node, node_of(step));
        if (!strike(step, node)) return wrong(fmt::format("there is no node {}", node));
        return {};
      }
      case Step::Kind::kTraffic: {
        TRY(const auto path, collection(step.object.kind, step.object.ns));
        const Json annotations = {{std::string(kTrafficAnnotation), step.traffic}};
        const Json patch = {{"metadata", {{"annotations", annotations}}}};
        return answered(stage_.request("PATCH", path + "/" + step.object.name, patch.dump(),
                                       "application/merge-patch+json"),
                        "traffic to " + step.object.name);
      }
      case Step::Kind::kRestart:
        stage_.restart(step.role);
        return {};
      case Step::Kind::kWait:
        stage_.drive().run_for(step.span);
        return {};
      case Step::Kind::kExpect:
        return await(step.expect);
    }
    return {};
  }

  Result<void> await(const Expectation& expect) {
    Result<std::string> missing = std::string();
    stage_.drive().run_until(
        [&] {
          missing = unmet(expect);
          return !missing || missing->empty();
        },
        expect.within);
    if (!missing) return std::unexpected(missing.error());
    if (missing->empty()) return {};
    return wrong(fmt::format("expected within {} ms: {}", expect.within.count(), *missing));
  }

  /// Empty when it holds; else what was expected and what is.
  Result<std::string> unmet(const Expectation& expect) {
    if (!expect.pods_of.empty()) return unmet_pods(expect);
    if (!expect.log.empty()) return unmet_log(expect);
    if (!expect.series.empty()) return unmet_metric(expect);
    TRY(const auto path, collection(expect.object->kind, expect.object->ns));
    const Response answer = stage_.request("GET", path + "/" + expect.object->name);
    if (expect.absent) {
      return answer.status == 404
                 ? std::string()
                 : fmt::format("no {} {}, but it is there", expect.object->kind, expect.object->name);
    }
    const std::string wanted =
        fmt::format("{}={} {} {}", expect.type, expect.status, expect.reason, expect.message);
    const Json object = Json::parse(answer.body, nullptr, false);
    if (const Json* conditions = find_path(object, {"status", "conditions"})) {
      for (const Json& c : *conditions) {
        if (string_at(c, {"type"}) != expect.type) continue;
        const std::string reason = string_at(c, {"reason"});
        const std::string message = string_at(c, {"message"});
        if (string_at(c, {"status"}) == expect.status && (expect.reason.empty() || expect.reason == reason) &&
            message.find(expect.message) != std::string::npos)
          return std::string();
        return fmt::format("{} {}: {}, but it is {} {} {}", expect.object->kind, expect.object->name, wanted,
                           string_at(c, {"status"}), reason, message);
      }
    }
    return fmt::format("{} {}: {}, but there is no such condition", expect.object->kind, expect.object->name,
                       wanted);
  }

  std::string unmet_log(const Expectation& expect) {
    const Response answer = stage_.request("GET", "/api/v1/namespaces/default/pods/" + expect.pod + "/log");
    if (answer.status == 200 && answer.body.find(expect.log) != std::string::npos) return {};
    return fmt::format("the log of {} to contain \"{}\", but it is: {}", expect.pod, expect.log,
                       answer.body.substr(0, 2'000));
  }

  /// The pods whose engines count: the one that is named, or the running ones of rank 0.
  std::vector<std::string> engines(const Expectation& expect) {
    if (!expect.pod.empty()) return {expect.pod};
    std::vector<std::string> out;
    const Json pods = Json::parse(stage_.request("GET", "/api/v1/namespaces/default/pods").body);
    for (const Json& pod : pods["items"]) {
      const Json* labels = find_path(pod, {"metadata", "labels"});
      if (labels != nullptr && labels->value("stowage.dev/deployment", "") == expect.model &&
          labels->value("stowage.dev/rank", "0") == "0" && string_at(pod, {"status", "phase"}) == "Running")
        out.push_back(string_at(pod, {"metadata", "name"}));
    }
    return out;
  }

  std::string unmet_metric(const Expectation& expect) {
    const std::string wanted =
        fmt::format("{}{}{}", expect.series, expect.at_least ? fmt::format(" >= {}", *expect.at_least) : "",
                    expect.at_most ? fmt::format(" <= {}", *expect.at_most) : "");
    std::optional<double> sum;
    for (const std::string& pod : engines(expect)) {
      const Response answer =
          stage_.request("GET", fmt::format("/api/v1/namespaces/default/pods/{}/proxy/metrics", pod));
      if (answer.status != 200) continue;
      if (const auto value = read_metric(answer.body, expect.series)) sum = sum.value_or(0) + *value;
    }
    if (!sum) return fmt::format("{}, but no engine shows it", wanted);
    const bool holds =
        (!expect.at_least || *sum >= *expect.at_least) && (!expect.at_most || *sum <= *expect.at_most);
    return holds ? std::string() : fmt::format("{}, but it is {}", wanted, *sum);
  }

  std::string unmet_pods(const Expectation& expect) {
    const Json pods = Json::parse(stage_.request("GET", "/api/v1/namespaces/default/pods").body);
    int64_t count = 0;
    int64_t ready = 0;
    int64_t bound = 0;
    std::set<std::string> nodes;
    for (const Json& pod : pods["items"]) {
      const Json* labels = find_path(pod, {"metadata", "labels"});
      if (labels == nullptr || labels->value("stowage.dev/deployment", "") != expect.pods_of) continue;
      const std::string phase = string_at(pod, {"status", "phase"});
      if (pod["metadata"].contains("deletionTimestamp") || phase == "Failed" || phase == "Succeeded")
        continue;
      ++count;
      ready += phase == "Running" ? 1 : 0;
      const std::string node = string_at(pod, {"spec", "nodeName"});
      if (node.empty()) continue;
      ++bound;
      nodes.insert(node);
    }
    const auto differs = [&](const char* what, std::optional<int64_t> wanted, int64_t is) {
      return wanted && *wanted != is
                 ? fmt::format("{} {} pods of {}, but there are {}", *wanted, what, expect.pods_of, is)
                 : std::string();
    };
    for (const auto& text : {differs("live", expect.count, count), differs("bound", expect.bound, bound),
                             differs("running", expect.ready, ready),
                             differs("nodes under", expect.nodes, static_cast<int64_t>(nodes.size()))}) {
      if (!text.empty()) return text;
    }
    for (const auto& [label, wanted] : expect.domains) {
      std::set<std::string> values;
      for (const std::string& node : nodes) {
        const Json object = Json::parse(stage_.request("GET", "/api/v1/nodes/" + node).body, nullptr, false);
        if (const Json* labels = find_path(object, {"metadata", "labels"}))
          values.insert(labels->value(label, ""));
      }
      if (static_cast<int64_t>(values.size()) != wanted) {
        return fmt::format("pods of {} in {} values of {}, but they are in {}", expect.pods_of, wanted, label,
                           values.size());
      }
    }
    return {};
  }

  const Scenario& scenario_;
  const std::string& folder_;
  Stage stage_;
};

}  // namespace

Result<void> play(const Scenario& scenario, uint64_t seed, const std::string& profiles_folder,
                  Timeline::Tell tell) {
  Player player(scenario, seed, profiles_folder, std::move(tell));
  return player();
}

}  // namespace stowage::sandbox

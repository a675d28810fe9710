#include "test/sim/mutations.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "test/sim/checker.h"

namespace stowage::sim {
namespace {

using Json = nlohmann::json;
using kube::HttpRequest;
using kube::HttpResponse;
using kube::Method;
using kube::WatchType;

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
bool binds(const HttpRequest& request) {
  return has(request.target, "/binding");
}
bool is_lease(const HttpRequest& request) {
  return has(request.target, "/leases/");
}
bool of_pods(const std::string& target) {
  return has(target, "/pods");
}
bool of_deployments(const std::string& target) {
  return has(target, "/modeldeployments");
}

/// The body as a tree, changed by `change`.
template <class Change>
void edit(std::string& text, Change change) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  change(json);
  text = json.dump();
}

/// Bugs made of one function each.
struct Sends final : Bug {
  std::function<bool(HttpRequest&, HttpResponse&)> call;
  explicit Sends(std::function<bool(HttpRequest&, HttpResponse&)> f) : call(std::move(f)) {}
  bool sends(HttpRequest& request, HttpResponse& instead) override { return call(request, instead); }
};
struct Hears final : Bug {
  std::function<bool(HttpRequest&, Result<HttpResponse>&)> call;
  explicit Hears(std::function<bool(HttpRequest&, Result<HttpResponse>&)> f) : call(std::move(f)) {}
  bool hears(HttpRequest& request, Result<HttpResponse>& answer) override { return call(request, answer); }
};
struct Sees final : Bug {
  std::function<bool(const std::string&, WatchType&, std::string&)> call;
  explicit Sees(std::function<bool(const std::string&, WatchType&, std::string&)> f) : call(std::move(f)) {}
  bool sees(const std::string& target, WatchType& type, std::string& json) override {
    return call(target, type, json);
  }
};

Mutation sends(std::string name, std::string role, std::string what,
               std::function<bool(HttpRequest&, HttpResponse&)> call) {
  return {std::move(name), std::move(role), std::move(what),
          [call] { return std::make_unique<Sends>(call); }};
}
Mutation hears(std::string name, std::string role, std::string what,
               std::function<bool(HttpRequest&, Result<HttpResponse>&)> call) {
  return {std::move(name), std::move(role), std::move(what),
          [call] { return std::make_unique<Hears>(call); }};
}
Mutation sees(std::string name, std::string role, std::string what,
              std::function<bool(const std::string&, WatchType&, std::string&)> call) {
  return {std::move(name), std::move(role), std::move(what), [call] { return std::make_unique<Sees>(call); }};
}

/// Keeps believing in a lease that it cannot renew.
struct GoesOnWriting final : Bug {
  std::string last;
  bool hears(HttpRequest& request, Result<HttpResponse>& answer) override {
    if (!is_lease(request) || request.method == Method::kGet) return false;
    if (answer && answer->status < 300) {
      last = answer->body;
    } else if (!last.empty()) {
      answer = HttpResponse{.status = 200, .headers = {{"content-type", "application/json"}}, .body = last};
    }
    return false;
  }
};

/// After a conflict the same body goes out again with the version that is there now.
struct ResubmitsOldBody final : Bug {
  std::string version;
  bool hears(HttpRequest& request, Result<HttpResponse>& answer) override {
    if (!is_lease(request) || request.method != Method::kPatch) return false;
    if (!answer || answer->status != 409) return false;
    edit(request.body, [](Json& body) { body["metadata"].erase("resourceVersion"); });
    return true;
  }
};

/// Every second bind of a gang is believed to be done without being sent.
struct ForgetsHalfAGang final : Bug {
  bool sends(HttpRequest& request, HttpResponse& instead) override {
    if (!binds(request) || !has(request.target, "-1/binding")) return true;
    instead = {.status = 201, .headers = {}, .body = "{}"};
    return false;
  }
};

/// What was given up on comes back under another name.
struct CreatesTwice final : Bug {
  bool hears(HttpRequest& request, Result<HttpResponse>& answer) override {
    if (request.method != Method::kPost || !has(request.target, "/pods?") || answer) return false;
    request.timeout /= 4;  // the fence is another bug's
    edit(request.body, [](Json& body) {
      std::string& name = body["metadata"]["name"].get_ref<std::string&>();
      name += "x";
      Json& labels = body["metadata"]["labels"];
      labels["stowage.dev/replica"] = "9";
    });
    return true;
  }
};

std::vector<Mutation> writes() {
  return {
      sends("bind-without-uid", "scheduler", "binds by name alone",
            [](HttpRequest& request, HttpResponse&) {
              if (binds(request)) edit(request.body, [](Json& body) { body["metadata"].erase("uid"); });
              return true;
            }),
      sends("delete-without-precondition", "operator", "deletes by name alone",
            [](HttpRequest& request, HttpResponse&) {
              if (request.method == Method::kDelete)
                edit(request.body, [](Json& body) { body.erase("preconditions"); });
              return true;
            }),
      {"forget-half-a-gang", "scheduler", "takes the bind of rank 1 for done without sending it",
       [] { return std::make_unique<ForgetsHalfAGang>(); }},
      sends("bind-to-a-full-node", "scheduler", "sends every bind to the first node",
            [](HttpRequest& request, HttpResponse&) {
              if (binds(request)) edit(request.body, [](Json& body) { body["target"]["name"] = "n0"; });
              return true;
            }),
      {"create-twice", "operator", "repeats a create that timed out under another name",
       [] { return std::make_unique<CreatesTwice>(); }},
      sends("status-over-everything", "operator", "writes the whole object instead of its status",
            [](HttpRequest& request, HttpResponse&) {
              if (!of_deployments(request.target) || request.method != Method::kPatch) return true;
              edit(request.body, [](Json& body) { body["status"]["placement"] = Json::object(); });
              return true;
            }),
      sends("drops-annotations", "scheduler", "a status patch takes the user's annotations away",
            [](HttpRequest& request, HttpResponse&) {
              if (!has(request.target, "/status") || !of_pods(request.target)) return true;
              request.target.replace(request.target.find("/status"), 7, "");
              edit(request.body, [](Json& body) {
                for (const char* mark : {"user/mark", "user/touched"})
                  body["metadata"]["annotations"][mark] = nullptr;
              });
              return true;
            }),
      sends("secret-in-event", "operator", "tells a token in an event",
            [](HttpRequest& request, HttpResponse&) {
              if (has(request.target, "/events"))
                edit(request.body, [](Json& body) { body["message"] = Checker::kSecret; });
              return true;
            }),
      sends("never-deletes", "operator", "takes every delete for done",
            [](HttpRequest& request, HttpResponse& instead) {
              if (request.method != Method::kDelete) return true;
              instead = {.status = 200, .headers = {}, .body = "{}"};
              return false;
            }),
      sends("children-without-owner", "operator", "creates Services that nobody owns",
            [](HttpRequest& request, HttpResponse&) {
              if (request.method == Method::kPost && has(request.target, "/services"))
                edit(request.body, [](Json& body) {
                  body["metadata"]["ownerReferences"][0]["uid"] = "00000000-0000-0000-0000-000000000000";
                });
              return true;
            }),
  };
}

std::vector<Mutation> answers() {
  return {
      {"lost-lease-goes-on", "operator", "goes on writing after it lost its lease",
       [] { return std::make_unique<GoesOnWriting>(); }},
      {"scheduler-lost-lease-goes-on", "scheduler", "the same in the scheduler",
       [] { return std::make_unique<GoesOnWriting>(); }},
      {"resubmit-old-body", "scheduler", "after a conflict sends the old lease again without its version",
       [] { return std::make_unique<ResubmitsOldBody>(); }},
      hears(
          "timeout-is-not-committed", "scheduler", "takes a bind without answer for refused",
          [](HttpRequest& request, Result<HttpResponse>& answer) {
            if (binds(request) && !answer)
              answer = HttpResponse{
                  .status = 400,
                  .headers = {},
                  .body =
                      R"({"kind":"Status","apiVersion":"v1","status":"Failure","reason":"BadRequest","code":400})"};
            return false;
          }),
      hears("timeout-is-committed", "scheduler", "takes a bind without answer for done",
            [](HttpRequest& request, Result<HttpResponse>& answer) {
              if (binds(request) && (!answer || answer->status >= 400))
                answer = HttpResponse{.status = 201, .headers = {}, .body = "{}"};
              return false;
            }),
      hears("ignores-refusal-of-pods", "operator", "takes a create without answer for done",
            [](HttpRequest& request, Result<HttpResponse>& answer) {
              if (request.method == Method::kPost && has(request.target, "/pods?") && !answer)
                answer = HttpResponse{.status = 201, .headers = {}, .body = "{}"};
              return false;
            }),
      hears("taken-name-is-ours", "operator", "takes a pod of somebody else for the one it wants to make",
            [](HttpRequest& request, Result<HttpResponse>& answer) {
              if (request.method == Method::kPost && has(request.target, "/pods?") && answer &&
                  answer->status == 409)
                answer = HttpResponse{.status = 201, .headers = {}, .body = "{}"};
              return false;
            }),
  };
}

/// What it read of pods, changed.
template <class Change>
std::function<bool(const std::string&, WatchType&, std::string&)> pods(Change change) {
  return [change](const std::string& target, WatchType& type, std::string& json) {
    if (!of_pods(target) || type == WatchType::kBookmark || type == WatchType::kError) return true;
    bool keep = true;
    edit(json, [&](Json& pod) { keep = change(type, pod); });
    return keep;
  };
}

/// A failed pod as one that runs and is Ready.
void run_on(Json& pod) {
  Json& status = pod["status"];
  if (status.value("phase", "") != "Failed") return;
  status = {{"phase", "Running"}, {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}};
}

std::vector<Mutation> views() {
  const auto rollout = [](const char* field, int value) {
    return [field, value](const std::string& target, WatchType&, std::string& json) {
      if (of_deployments(target))
        edit(json, [&](Json& object) {
          if (object.contains("spec")) object["spec"]["rollout"][field] = value;
        });
      return true;
    };
  };
  return {
      sees("ignore-tombstone", "scheduler", "overlooks deletions of pods",
           [](const std::string& target, WatchType& type, std::string&) {
             return !(of_pods(target) && type == WatchType::kDeleted);
           }),
      sees("operator-ignores-tombstone", "operator", "overlooks deletions of pods",
           [](const std::string& target, WatchType& type, std::string&) {
             return !(of_pods(target) && type == WatchType::kDeleted);
           }),
      sees("ignore-node-loss", "scheduler", "overlooks deletions of nodes",
           [](const std::string& target, WatchType& type, std::string&) {
             return !(has(target, "/nodes") && type == WatchType::kDeleted);
           }),
      sees("ignore-410", "scheduler", "overlooks that its watch has expired",
           [](const std::string&, WatchType& type, std::string&) { return type != WatchType::kError; }),
      sees("act-before-sync", "scheduler", "acts before it has read what runs already",
           [](const std::string& target, WatchType& type, std::string& json) {
             return !(of_pods(target) && has(target, "sendInitialEvents") && type == WatchType::kAdded &&
                      has(json, "\"nodeName\""));
           }),
      sees("release-too-early", "scheduler", "frees the devices of pods that are still stopping",
           pods([](WatchType&, Json& pod) {
             if (pod["metadata"].contains("deletionTimestamp")) pod["status"]["phase"] = "Succeeded";
             return true;
           })),
      sees("ignores-foreign-pods", "scheduler", "counts only pods of its own",
           pods([](WatchType&, Json& pod) { return pod["spec"].value("schedulerName", "") == "stowage"; })),
      sees("failed-counts-as-running", "operator", "takes failed pods for running ones",
           pods([](WatchType&, Json& pod) {
             run_on(pod);
             return true;
           })),
      sees("ignore-terminating", "operator", "takes pods that are going for pods that stay",
           pods([](WatchType&, Json& pod) {
             pod["metadata"].erase("deletionTimestamp");
             return true;
           })),
      sees("half-a-gang-serves", "operator",
           "takes failed members of a gang, but for the first, for running ones",
           pods([](WatchType&, Json& pod) {
             const Json labels = pod["metadata"].value("labels", Json::object());
             if (labels.value("stowage.dev/rank", "0") != "0") run_on(pod);
             return true;
           })),
      sees("late-status-stays", "scheduler", "overlooks changes of models but of their specs",
           [seen = std::make_shared<std::map<std::string, Json>>()](const std::string& target,
                                                                    WatchType& type, std::string& json) {
             if (!of_deployments(target) || type == WatchType::kBookmark || type == WatchType::kError)
               return true;
             bool keep = true;
             edit(json, [&](Json& object) {
               Json& last = (*seen)[object["metadata"].value("uid", "")];
               Json now = {object["metadata"].value("generation", 0),
                           object["metadata"].contains("deletionTimestamp")};
               keep = type != WatchType::kModified || last != now;
               last = std::move(now);
             });
             return keep;
           }),
      sees("adopt-by-name", "operator", "adopts what an earlier namesake owned",
           [owners = std::make_shared<std::map<std::string, std::string>>()](
               const std::string& target, WatchType& type, std::string& json) {
             if (type == WatchType::kBookmark || type == WatchType::kError) return true;
             edit(json, [&](Json& object) {
               Json& meta = object["metadata"];
               if (of_deployments(target)) {
                 (*owners)[meta.value("name", "")] = meta.value("uid", "");
               } else if (meta.contains("ownerReferences")) {
                 for (Json& owner : meta["ownerReferences"]) {
                   const auto it = owners->find(owner.value("name", ""));
                   if (it != owners->end()) owner["uid"] = it->second;
                 }
               }
             });
             return true;
           }),
      sees("skip-max-unavailable", "operator", "takes as many replicas away as it likes",
           rollout("maxUnavailable", 100)),
      sees("skip-max-surge", "operator", "adds as many replicas as it likes", rollout("maxSurge", 100)),
      sees("budget-not-durable", "operator", "forgets how often a replica was restarted",
           [](const std::string& target, WatchType&, std::string& json) {
             if (of_deployments(target))
               edit(json,
                    [&](Json& object) { object["spec"]["rollout"]["restartBudget"]["restarts"] = 100; });
             return true;
           }),
      sees("half-bound-is-fine", "operator", "does not undo a gang that cannot be completed",
           pods([](WatchType&, Json& pod) {
             if (!pod["metadata"].contains("annotations")) return true;
             // It thinks that every member was bound together with the first.
             if (pod["spec"].value("nodeName", "").empty()) pod["spec"]["nodeName"] = "n0";
             return true;
           })),
  };
}

}  // namespace

const std::vector<Mutation>& mutations() {
  static const std::vector<Mutation> kAll = [] {
    std::vector<Mutation> out = writes();
    for (auto&& more : {answers(), views()})
      out.insert(out.end(), more.begin(), more.end());
    return out;
  }();
  return kAll;
}

const Mutation* find_mutation(const std::string& name) {
  for (const Mutation& mutation : mutations()) {
    if (mutation.name == name) return &mutation;
  }
  return nullptr;
}

}  // namespace stowage::sim

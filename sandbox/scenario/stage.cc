#include "sandbox/scenario/stage.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <nlohmann/json.hpp>

#include "sandbox/apiserver/http.h"
#include "sandbox/apiserver/json_io.h"
#include "sandbox/apiserver/watch.h"
#include "sandbox/control_plane/install.h"
#include "sandbox/control_plane/roles.h"

namespace stowage::sandbox {
namespace {

constexpr const char* kNoticeTaint = "aws-node-termination-handler/spot-itn";

}  // namespace

Stage::Stage(uint64_t seed, const Scenario& scenario, Timeline::Tell tell)
    : scenario_(scenario),
      timers_(io_, clock_),
      begin_(clock_.now()),
      chance_(seed),
      server_({.seed = seed}),
      serving_(server_, seed),
      kubelets_(server_, scenario.times),
      timeline_(server_, std::move(tell)),
      drive_(io_, clock_, timers_, server_, kubelets_,
             {.also_step = [this] { return step_faults(); },
              .settled = [this] { timeline_.poll(elapsed(), clock_.wall()); },
              .next = [this] { return next_fault(); }}) {
  server_.attach(&serving_);
  kubelets_.tell(&serving_);
}

Stage::~Stage() {
  fates_.clear();
  strikes_.clear();
  for (const Life& life : lives_) {
    if (!life.replica->ended()) life.replica->stop();
  }
  drive_.run_until(
      [&] { return std::ranges::all_of(lives_, [](const Life& life) { return life.replica->ended(); }); },
      Millis{120'000});
  timers_.clear();
}

Millis Stage::elapsed() const {
  return std::chrono::floor<Millis>(clock_.now() - begin_);
}

Result<void> Stage::open() {
  server_.bootstrap(clock_.wall());
  TRY_VOID(install_stowage(server_, clock_.wall()));
  for (const SeededFault& fault : scenario_.faults)
    strikes_.push_back(clock_.now() + fault.every / 2 +
                       Millis{chance_.below(static_cast<uint64_t>(fault.every.count()))});
  start(operator_role());
  start(scheduler_role());
  drive_.settle();
  return {};
}

void Stage::start(const Role& role) {
  Life& life = lives_.emplace_back(Life{.random = chance_.split(), .replica = nullptr});
  const kube::Environment env{io_.get_executor(), clock_, timers_, life.random, log_};
  life.replica = std::make_unique<Replica>(env, server_, role, role.name, /*leader_elect=*/false, nullptr);
  boost::asio::co_spawn(io_, life.replica->run(), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
}

void Stage::restart(const std::string& role) {
  for (const Life& life : lives_) {
    if (life.replica->identity() == role && !life.replica->ended()) {
      life.replica->stop();
      drive_.run_until([&] { return life.replica->ended(); }, Millis{60'000});
    }
  }
  start(role == "operator" ? operator_role() : scheduler_role());
}

Response Stage::request(std::string method, std::string path, std::string body, std::string type) {
  return server_.handle({.method = std::move(method),
                         .path = std::move(path),
                         .content_type = std::move(type),
                         .user_agent = "scenario/1",
                         .user = "scenario",
                         .body = std::move(body)},
                        clock_.wall());
}

bool Stage::lose(const std::string& node) {
  return request("DELETE", "/api/v1/nodes/" + node).status == 200;
}

bool Stage::report(const std::string& node, const char* status, const char* reason, const char* message) {
  const std::string time = format_rfc3339(wall());
  const Json condition = {{"type", "Ready"},
                          {"status", status},
                          {"reason", reason},
                          {"message", message},
                          {"lastTransitionTime", time}};
  const Json patch = {{"status", {{"conditions", Json::array({condition})}}}};
  return request("PATCH", "/api/v1/nodes/" + node + "/status", patch.dump(),
                 "application/strategic-merge-patch+json")
             .status == 200;
}

bool Stage::silence(const std::string& node, Millis span) {
  if (!report(node, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")) return false;
  if (span > Millis{0}) fates_.push_back({clock_.now() + span, node, Fate::What::kReady});
  return true;
}

bool Stage::set_ready(const std::string& node) {
  return report(node, "True", "KubeletReady", "kubelet is posting ready status");
}

bool Stage::notice(const std::string& node, Millis span, Millis grace) {
  const std::string path = "/api/v1/nodes/" + node;
  const Response answer = request("GET", path);
  if (answer.status != 200) return false;
  const Json object = Json::parse(answer.body);
  const Json* present = find_path(object, {"spec", "taints"});
  Json taints = present == nullptr ? Json::array() : *present;
  taints.push_back({{"key", kNoticeTaint}, {"effect", "NoSchedule"}});
  const Json patch = {{"spec", {{"taints", std::move(taints)}}}};
  if (request("PATCH", path, patch.dump(), "application/merge-patch+json").status != 200) return false;
  if (grace > Millis{0}) fates_.push_back({clock_.now() + span - grace, node, Fate::What::kShutDown});
  fates_.push_back({clock_.now() + span, node, Fate::What::kLoss});
  return true;
}

void Stage::meet(const Fate& fate) {
  if (fate.what == Fate::What::kLoss) (void)lose(fate.node);
  if (fate.what == Fate::What::kReady) (void)set_ready(fate.node);
  if (fate.what == Fate::What::kShutDown) {
    kubelets_.shut_down(fate.node, wall());
    (void)report(fate.node, "False", "KubeletNotReady", "node is shutting down");
  }
}

void Stage::strike(const SeededFault& fault) {
  const Json list = Json::parse(request("GET", "/api/v1/nodes").body);
  std::vector<std::string> names;
  for (const Json& node : list["items"]) {
    const std::string name = string_at(node, {"metadata", "name"});
    const Json& labels = node["metadata"]["labels"];
    const bool chosen = fault.label.empty() || (labels.contains(fault.label) &&
                                                (fault.value.empty() || labels[fault.label] == fault.value));
    const bool doomed = std::ranges::any_of(fates_, [&](const Fate& fate) { return fate.node == name; });
    if (chosen && !doomed) names.push_back(name);
  }
  if (names.empty()) return;
  const std::string& name = names[chance_.below(names.size())];
  if (fault.kind == SeededFault::Kind::kNotice) (void)notice(name, fault.span, fault.grace);
  if (fault.kind == SeededFault::Kind::kNotReady) (void)silence(name, fault.span);
  if (fault.kind == SeededFault::Kind::kLoss) (void)lose(name);
}

bool Stage::step_faults() {
  serving_.step(wall());
  bool changed = false;
  for (size_t i = 0; i < strikes_.size(); ++i) {
    if (strikes_[i] > clock_.now()) continue;
    const Millis every = scenario_.faults[i].every;
    strikes_[i] = clock_.now() + every / 2 + Millis{chance_.below(static_cast<uint64_t>(every.count()))};
    strike(scenario_.faults[i]);
    changed = true;
  }
  const auto fates = fates_;
  for (const Fate& fate : fates) {
    if (fate.at > clock_.now()) continue;
    std::erase(fates_, fate);
    meet(fate);
    changed = true;
  }
  return changed;
}

std::optional<MonoTime> Stage::next_fault() const {
  std::optional<MonoTime> next;
  const auto consider = [&](MonoTime time) { next = next ? std::min(*next, time) : time; };
  for (const Fate& fate : fates_)
    consider(fate.at);
  for (const MonoTime time : strikes_)
    consider(time);
  return next;
}

}  // namespace stowage::sandbox

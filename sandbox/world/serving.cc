#include "sandbox/world/serving.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "base/quantity.h"
#include "base/random.h"
#include "sandbox/apiserver/core.h"
#include "sandbox/world/engine_log.h"
#include "sandbox/world/traffic.h"

namespace stowage::sandbox {
namespace {

using std::chrono::seconds;

// A gap longer than this is not lived through second by second.
constexpr int64_t kMostSeconds = 7'200;
constexpr size_t kMostLines = 200;
constexpr int kLineEvery = 10;

int64_t second_of(WallTime time) {
  return std::chrono::floor<seconds>(time.time_since_epoch()).count();
}

/// How many requests come in a second at a mean of `rate`.
int64_t arrivals(double rate, Random& random) {
  if (rate <= 0) return 0;
  if (rate < 20) {  // Knuth's way
    const double floor = std::exp(-rate);
    int64_t count = -1;
    for (double product = 1; product > floor; ++count)
      product *= random.unit();
    return count;
  }
  double sum = -6;  // twelve uniforms: near enough to a normal one
  for (int i = 0; i < 12; ++i)
    sum += random.unit();
  return std::max<int64_t>(0, std::llround(rate + std::sqrt(rate) * sum));
}

double number_or(std::string_view text, double otherwise) {
  const auto value = parse_quantity(text);
  return value && *value > 0 ? static_cast<double>(*value) : otherwise;
}

/// Deployment "ns/name", or of a pod on its own its UID.
std::string owner_of(const api::Pod& pod) {
  const std::string deployment(pod.meta.label("stowage.dev/deployment"));
  return deployment.empty() ? pod.meta.uid : pod.meta.ns + "/" + deployment;
}

EngineShape shape_of(const api::Pod& pod) {
  EngineShape out;
  int64_t devices = 0;
  for (const auto& container : pod.spec.containers) {
    for (const auto& [name, amount] : container.limits) {
      if (name.ends_with("/gpu") || name == "google.com/tpu") devices += amount;
    }
  }
  const double nodes = number_or(pod.meta.annotation("stowage.dev/group-size"), 1);
  out.devices = static_cast<int>(std::clamp(static_cast<double>(devices) * nodes, 1.0, 4096.0));
  const double bytes = number_or(pod.meta.annotation("stowage.dev/model-size"), 0);
  if (bytes > 0) out.weights_gib = bytes / (1 << 30);
  out.prompt_tokens = number_or(pod.meta.annotation(kPromptAnnotation), out.prompt_tokens);
  out.output_tokens = number_or(pod.meta.annotation(kOutputAnnotation), out.output_tokens);
  return out;
}

struct Replica {
  Engine engine = Engine::kOther;
  std::string version, name, owner;
  EngineShape shape;
  ServingModel model;
  std::deque<LogLine> lines = {};
  bool was_busy = false;
};

struct Source {
  std::string text;
  Traffic traffic;
  int64_t since = 0;  ///< Second in which it was set.
};

}  // namespace

struct Serving::State {
  Server& server;
  uint64_t seed;
  std::map<std::string, Replica> replicas = {};  // by UID of the pod of rank 0
  std::map<std::string, Source> sources = {};    // by owner
  int64_t now = 0;                               // everything before this second has been lived
  uint64_t seen = 0;                             // version of the models that were read last
  std::shared_ptr<Collection> models = {};
  std::optional<Collection::Token> token = {};
  std::function<void()> changed = {};

  void set_traffic(const std::string& owner, const std::string& text) {
    Source& source = sources[owner];
    if (source.text == text) return;
    const auto traffic = parse_traffic(text);
    source = {text, traffic.value_or(Traffic{}), now};
  }

  void watch_models() {
    const ResourcePtr resource = server.core().registry.find("stowage.dev", "v1alpha1", "modeldeployments");
    std::shared_ptr<Collection> current = resource == nullptr ? nullptr : resource->collection;
    if (current == models) return;
    if (token) models->unsubscribe(*token);
    token.reset();
    models = std::move(current);
    seen = 0;
    if (models != nullptr && changed) token = models->subscribe(changed);
  }

  void read_models() {
    watch_models();
    if (models == nullptr) return;
    const uint64_t latest = models->history().empty() ? 1 : models->history().back().version;
    if (latest == seen) return;
    seen = latest;
    for (const auto& [key, object] : models->objects()) {
      if (object->body.find(kTrafficAnnotation) == std::string::npos && !sources.contains(key)) continue;
      const nlohmann::json tree = parse_stored(object->body);
      set_traffic(key, string_at(tree, {"metadata", "annotations", kTrafficAnnotation}));
    }
    std::erase_if(sources, [&](const auto& entry) {
      return entry.first.find('/') != std::string::npos && models->get(entry.first) == nullptr;
    });
  }

  [[nodiscard]] bool quiet() const {
    return std::all_of(replicas.begin(), replicas.end(),
                       [](const auto& r) { return r.second.model.idle(); }) &&
           std::none_of(sources.begin(), sources.end(), [&](const auto& entry) {
             return entry.second.traffic.any_after(seconds(now - entry.second.since));
           });
  }

  /// Chance depends on the owner and the second alone, not on what else there is.
  double share(const std::string& owner, const Source& source) {
    const double rate = source.traffic.at(seconds(now - source.since));
    if (rate <= 0) return 0;
    uint64_t mix = seed ^ static_cast<uint64_t>(now) * 0x9e3779b97f4a7c15U;
    for (const char c : owner)
      mix = (mix ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    Random random(mix);
    const auto ready = std::count_if(replicas.begin(), replicas.end(),
                                     [&](const auto& r) { return r.second.owner == owner; });
    return ready == 0 ? 0.0 : static_cast<double>(arrivals(rate, random)) / static_cast<double>(ready);
  }

  void live_one_second() {
    std::map<std::string_view, double> shares;
    for (const auto& [owner, source] : sources)
      shares[owner] = share(owner, source);
    for (auto& [uid, replica] : replicas) {
      const auto it = shares.find(replica.owner);
      const double requests = it == shares.end() ? 0 : it->second;
      if (requests == 0 && replica.model.idle() && !replica.was_busy) continue;
      replica.model.second(requests);
      const bool line = now % kLineEvery == 0 && (replica.was_busy || !replica.model.idle());
      if (now % kLineEvery == 0) replica.was_busy = !replica.model.idle();
      if (!replica.model.idle()) replica.was_busy = true;
      if (!line) continue;
      const WallTime time{seconds(now)};
      replica.lines.push_back({time, traffic_line(replica.engine, time, replica.model)});
      if (replica.lines.size() > kMostLines) replica.lines.pop_front();
    }
    ++now;
  }

  void advance(WallTime to) {
    const int64_t target = second_of(to);
    if (now == 0) now = target;
    while (now < target && !quiet() && target - now <= kMostSeconds)
      live_one_second();
    if (target - now > kMostSeconds && !quiet()) {
      now = target - kMostSeconds;
      while (now < target)
        live_one_second();
    }
    now = std::max(now, target);
  }

  const Replica* replica_of(const nlohmann::json& pod) const {
    const auto it = replicas.find(string_at(pod, {"metadata", "uid"}));
    return it == replicas.end() ? nullptr : &it->second;
  }
};

Serving::Serving(Server& server, uint64_t seed)
    : state_(std::make_unique<State>(State{.server = server, .seed = seed})) {}

Serving::~Serving() {
  if (state_->token) state_->models->unsubscribe(*state_->token);
}

void Serving::step(WallTime now) {
  state_->advance(now);
  state_->read_models();
}

void Serving::on_change(std::function<void()> call) {
  state_->changed = std::move(call);
  if (state_->token) state_->models->unsubscribe(*state_->token);
  state_->token.reset();
  state_->models = nullptr;
  state_->watch_models();
}

void Serving::pod_ready(const api::Pod& pod, WallTime now) {
  step(now);
  const std::string rank(pod.meta.label("stowage.dev/rank"));
  if ((!rank.empty() && rank != "0") || pod.spec.containers.empty()) return;
  const std::string& image = pod.spec.containers.front().image;
  const Engine engine = engine_of(image);
  if (engine == Engine::kOther || state_->replicas.contains(pod.meta.uid)) return;
  const EngineShape shape = shape_of(pod);
  std::string owner = owner_of(pod);
  if (owner == pod.meta.uid) state_->set_traffic(owner, std::string(pod.meta.annotation(kTrafficAnnotation)));
  const std::string deployment(pod.meta.label("stowage.dev/deployment"));
  state_->replicas.emplace(pod.meta.uid, Replica{.engine = engine,
                                                 .version = std::string(version_of(image)),
                                                 .name = deployment.empty() ? pod.meta.name : deployment,
                                                 .owner = std::move(owner),
                                                 .shape = shape,
                                                 .model = ServingModel(shape)});
}

void Serving::pod_gone(const std::string& uid, WallTime now) {
  step(now);
  state_->replicas.erase(uid);
  state_->sources.erase(uid);
}

std::vector<LogLine> Serving::log(const nlohmann::json& pod, const std::string& container, WallTime now) {
  step(now);
  const Replica* replica = state_->replica_of(pod);
  const auto decoded = api::decode_pod(pod.dump());
  std::vector<LogLine> out = start_lines(pod, container, decoded ? shape_of(*decoded) : EngineShape{});
  if (replica != nullptr) out.insert(out.end(), replica->lines.begin(), replica->lines.end());
  for (LogLine& line : end_lines(pod, container))
    out.push_back(std::move(line));
  std::stable_sort(out.begin(), out.end(),
                   [](const LogLine& a, const LogLine& b) { return a.time < b.time; });
  return out;
}

std::optional<PodAnswer> Serving::get(const nlohmann::json& pod, std::string_view path, WallTime now) {
  step(now);
  const Replica* replica = state_->replica_of(pod);
  if (replica == nullptr) return std::nullopt;
  if (path == "/metrics") {
    return PodAnswer{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                     .body = metrics_page(replica->engine, replica->version, replica->name, replica->model)};
  }
  if (path == "/health") return PodAnswer{};
  if (path == "/v1/models") {
    const nlohmann::json model = {
        {"id", replica->name}, {"object", "model"}, {"owned_by", "stowage-sandbox"}};
    const nlohmann::json list = {{"object", "list"}, {"data", nlohmann::json::array({model})}};
    return PodAnswer{.content_type = "application/json", .body = list.dump()};
  }
  return PodAnswer{.status = 404, .content_type = "application/json", .body = R"({"detail":"Not Found"})"};
}

}  // namespace stowage::sandbox

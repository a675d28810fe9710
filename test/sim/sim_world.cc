#include "test/sim/sim_world.h"

#include <fmt/format.h>

#include <algorithm>

#include "sandbox/apiserver/http.h"
#include "test/sim/ground.h"

namespace stowage::sim {
namespace {

constexpr sandbox::KubeletTimes kTimes{
    .image_pull = Millis{1500}, .warm_up = Millis{2000}, .termination = Millis{1000}};

}  // namespace

SimWorld::SimWorld(SimOptions options, const Ground& ground)
    : options_(std::move(options)),
      ground_(ground),
      world_(options_.seed),
      server_(ground.server.fork(options_.seed)),
      kubelets_(server_, kTimes),
      chance_(options_.seed * 2 + 1),
      plan_(options_.seed * 2, options_.rates, options_.only),
      checker_(server_, options_.patience),
      around_{.world = world_,
              .server = server_,
              .plan = plan_,
              .checker = checker_,
              .mutation = options_.mutation,
              .interpose = [this](const kube::HttpRequest& request) { interpose(request); }},
      drive_(world_.io(), world_.clock(), world_.timers(), server_, kubelets_,
             {.before_round =
                  [this] {
                    checker_.catch_up(world_.clock().now(), world_.clock().wall());
                    tend_processes();
                  },
              .may_collect = [this] { return world_.clock().now() >= around_.collect_from; },
              .settled =
                  [this] {
                    if (!led()) checker_.unled(world_.clock().now());
                    checker_.tick(world_.clock().now(), world_.clock().wall());
                    checker_.check_kept(world_.clock().now(), [this](const auto& who, const auto& uid) {
                      return std::ranges::any_of(processes_, [&](const auto& process) {
                        return process->name() == who && process->able() && !process->knows(uid);
                      });
                    });
                  },
              .next = [this] { return next_event(); }}) {
  if (options_.trace) checker_.keep_trace();
  for (size_t role = 0; role < ground_.roles.size(); ++role) {
    for (int number = 0; number < options_.replicas; ++number)
      slots_.push_back({.role = role, .number = number});
  }
  drive_.settle();
}

SimWorld::~SimWorld() {
  stop();
}

int SimWorld::user(const std::string& method, const std::string& path, const std::string& body,
                   const std::string& content_type, std::string* answer) {
  sandbox::Request request;
  request.method = method;
  const size_t question = path.find('?');
  request.path = path.substr(0, question);
  if (question != std::string::npos) request.query = path.substr(question + 1);
  request.content_type = content_type;
  request.user_agent = "user/1";
  request.user = "user";
  request.body = body;
  sandbox::Response response = server_.handle(request, world_.clock().wall());
  const kube::Method kind = method == "GET"      ? kube::Method::kGet
                            : method == "DELETE" ? kube::Method::kDelete
                                                 : kube::Method::kPost;
  const std::string who = "user";
  const kube::HttpRequest asked{.method = kind, .target = path};
  checker_.after_write({.who = who,
                        .request = asked,
                        .status = response.status,
                        .now = world_.clock().now(),
                        .wall = world_.clock().wall()});
  if (answer != nullptr) *answer = std::move(response.body);
  return response.status;
}

/// Somebody else gets in between: a pod that was to be bound or deleted is replaced by a namesake, anything
/// else gets a new annotation (and so a new version).
void SimWorld::interpose(const kube::HttpRequest& request) {
  if (plan_.ended()) return;
  const std::string path = request.target.substr(0, request.target.find('?'));
  if (request.method == kube::Method::kPatch) {
    user("PATCH", path.ends_with("/status") ? path.substr(0, path.size() - 7) : path,
         fmt::format(R"({{"metadata":{{"annotations":{{"user/touched":"{}"}}}}}})", chance_.below(1000)),
         "application/merge-patch+json");
    return;
  }
  const bool bind = path.ends_with("/binding");
  if (!bind && request.method != kube::Method::kDelete) return;
  const std::string pod = bind ? path.substr(0, path.size() - 8) : path;
  const size_t slash = pod.rfind('/');
  if (pod.find("/pods/") == std::string::npos) return;
  user("DELETE", pod, R"({"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0})");
  user("POST", pod.substr(0, slash),
       fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}"}},"spec":{{)"
                   R"("containers":[{{"name":"c","image":"stranger"}}]}}}})",
                   pod.substr(slash + 1)));
}

void SimWorld::kill_one(Random& random) {
  std::vector<SimProcess*> alive;
  for (const Slot& slot : slots_) {
    if (slot.process != nullptr && !slot.process->dead()) alive.push_back(slot.process);
  }
  if (!alive.empty()) alive[random.below(alive.size())]->kill();
}

void SimWorld::tend_processes() {
  for (Slot& slot : slots_) {
    const bool gone = slot.process == nullptr || slot.process->dead() || slot.process->ended();
    if (!gone || stopping_) continue;
    const MonoTime now = world_.clock().now();
    if (slot.process != nullptr) {
      slot.process = nullptr;
      slot.restart_at =
          now + (plan_.ended() ? Millis{100} : Millis{500 + static_cast<int64_t>(chance_.below(8000))});
    }
    if (now < slot.restart_at) continue;
    const Role& role = ground_.roles[slot.role];
    const std::string name = fmt::format("{}-{}.{}", role.name, slot.number, slot.lives++);
    processes_.push_back(std::make_unique<SimProcess>(around_, role, name, chance_.next()));
    slot.process = processes_.back().get();
    slot.process->start();
  }
  for (const auto& process : processes_) {
    if (process->ended() && !process->gone() && outlived_.insert(process->name()).second)
      checker_.report("I9", "a task of " + process->name() + " outlives it");
  }
  std::erase_if(processes_, [&](const auto& process) {
    const bool in_use =
        std::ranges::any_of(slots_, [&](const Slot& slot) { return slot.process == process.get(); });
    return !in_use && process->gone();
  });
}

bool SimWorld::led() const {
  if (around_.world.clock().now() < around_.down_until) return false;
  return std::ranges::all_of(ground_.roles, [&](const Role& role) {
    return std::ranges::any_of(
        processes_, [&](const auto& process) { return &process->role() == &role && process->able(); });
  });
}

std::optional<MonoTime> SimWorld::next_event() {
  std::optional<MonoTime> next;
  if (around_.collect_from > world_.clock().now()) next = around_.collect_from;
  for (const Slot& slot : slots_) {
    if (slot.process != nullptr || stopping_) continue;
    const MonoTime time = std::max(slot.restart_at, world_.clock().now());
    next = next ? std::min(*next, time) : time;
  }
  return next;
}

void SimWorld::forget_history() {
  const auto look = [this] {
    kubelets_.step(world_.clock().wall());
    checker_.catch_up(world_.clock().now(), world_.clock().wall());
  };
  look();
  server_.compact();
  look();
}

void SimWorld::calm() {
  plan_.end();
  around_.collect_from = {};
  for (const auto& process : processes_)
    process->heal();
  for (Slot& slot : slots_)
    slot.restart_at = std::min(slot.restart_at, world_.clock().now());
}

void SimWorld::stop() {
  plan_.end();
  stopping_ = true;
  for (const auto& process : processes_) {
    if (!process->dead()) process->life().stop();
  }
  run_until(
      [&] { return std::ranges::all_of(processes_, [](const auto& process) { return process->ended(); }); },
      Millis{120'000});
}

std::string SimWorld::logs() const {
  std::string out;
  for (const auto& process : processes_) {
    out += fmt::format("--- {}\n", process->name());
    for (const auto& entry : process->log().entries()) {
      out += entry.message;
      for (const auto& [key, value] : entry.fields)
        out += fmt::format(" {}={}", key, value);
      out += '\n';
    }
  }
  return out;
}

}  // namespace stowage::sim

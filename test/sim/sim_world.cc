#include "test/sim/sim_world.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "sandbox/apiserver/http.h"

namespace stowage::sim {
namespace {

sandbox::ServerOptions server_options(uint64_t seed) {
  sandbox::ServerOptions options;
  options.seed = seed;
  return options;
}

constexpr sandbox::KubeletTimes kTimes{
    .image_pull = Millis{1500}, .warm_up = Millis{2000}, .termination = Millis{1000}};

}  // namespace

SimWorld::SimWorld(SimOptions options, std::vector<Role> roles, const std::vector<std::string>& manifests)
    : options_(std::move(options)),
      roles_(std::move(roles)),
      world_(options_.seed),
      server_(server_options(options_.seed)),
      kubelets_(server_, kTimes),
      chance_(options_.seed * 2 + 1),
      plan_(options_.seed * 2, options_.rates, options_.off),
      checker_(server_, options_.patience),
      drive_(world_.io(), world_.clock(), world_.timers(), server_, kubelets_,
             {.before_round = [this] { tend_processes(); },
              .settled = [this] { checker_.tick(world_.clock().now(), world_.clock().wall()); },
              .next = [this] { return next_restart(); }}) {
  for (const std::string& manifest : manifests) {
    const size_t split = manifest.find('\n');
    std::string answer;
    const int status =
        user("POST", manifest.substr(0, split), manifest.substr(split + 1), "application/yaml", &answer);
    STOWAGE_CHECK(status == 201, fmt::format("{}: {} {}", manifest.substr(0, split), status, answer));
  }
  for (size_t role = 0; role < roles_.size(); ++role) {
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
  checker_.after_write("user", {.method = kind, .target = path}, response.status, world_.clock().now(),
                       world_.clock().wall());
  if (answer != nullptr) *answer = std::move(response.body);
  return response.status;
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
    const Role& role = roles_[slot.role];
    const std::string name = fmt::format("{}-{}.{}", role.name, slot.number, slot.lives++);
    processes_.push_back(
        std::make_unique<SimProcess>(world_, server_, role, name, plan_, checker_, chance_.next()));
    slot.process = processes_.back().get();
    slot.process->start();
  }
  std::erase_if(processes_, [&](const auto& process) {
    const bool in_use =
        std::ranges::any_of(slots_, [&](const Slot& slot) { return slot.process == process.get(); });
    return !in_use && process->ended();
  });
}

std::optional<MonoTime> SimWorld::next_restart() {
  std::optional<MonoTime> next;
  for (const Slot& slot : slots_) {
    if (slot.process != nullptr || stopping_) continue;
    const MonoTime time = std::max(slot.restart_at, world_.clock().now());
    next = next ? std::min(*next, time) : time;
  }
  return next;
}

void SimWorld::calm() {
  plan_.end();
  for (Slot& slot : slots_)
    slot.restart_at = std::min(slot.restart_at, world_.clock().now());
}

void SimWorld::stop() {
  plan_.end();
  stopping_ = true;
  for (const auto& process : processes_) {
    if (!process->dead()) process->stop();
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
